"""A refusal has a code and may follow after authentic plaintext."""


class Refusal(Exception):
    def __init__(self, code, why=""):
        super().__init__(code + ": " + why)
        self.code = code


def need(good, code, why=""):
    if not good:
        raise Refusal(code, why)
