"""All vectors, in one book."""

from . import (bad_blocks, bad_capsules, bad_cids, bad_core, bad_floe,
               bad_nodes, bad_records, bad_signatures, bad_sizes, bad_trees,
               bad_wraps, good, keyset, objects, verdicts)
from .book import Book
from .tree import Tree


def book():
    it = Book()
    keyset.add_to(it)
    tiny, medium = objects.tiny(it), objects.medium(it)
    good.add_to(it, tiny, medium)
    for subject in (bad_records, bad_capsules, bad_core, bad_cids,
                    bad_signatures, verdicts, bad_wraps):
        subject.add_to(it, tiny)
    for subject in (bad_floe, bad_blocks):
        subject.add_to(it, tiny, medium)
    tree = Tree(it, medium)
    bad_sizes.add_to(tree)
    bad_trees.add_to(tree, tiny)
    bad_nodes.add_to(tree, tiny)
    return it
