"""Sound capsules that are refused, and which refusal comes first."""

from producer import cid as cids

from . import keyset
from .case import FUTURE, IAT, PAST, case, to
from .good import crowd

MALLORY = {"key": keyset.MALLORY}
OLD = ("alice", keyset.OLD_ALICE.public_key())
REVOKED = {"state": "revoked"}
VAULT = {"vaultId": "vault-1"}
CAPABILITY = {"capability": {"issuer": "owner"}}
POLICY = {"policyId": "policy-1"}


def add_to(book, tiny):
    def refuse(name, comment, outcome, **how):
        case(book, name, comment, outcome, tiny, **how)

    requests(refuse)
    times(refuse)
    who(refuse)
    what(refuse)
    order_before_keys(refuse)
    order_after_keys(refuse)


def requests(refuse):
    for name, comment, asked in (
            ("dot", "The asked id has a dot.", "request-id.dot"),
            ("space", "The asked id has a space.", "request id"),
            ("129", "The asked id is too long.", "x" * 129)):
        refuse("request-id-" + name, comment + " The metadata service is not "
               "asked.", "invalid_request", asked=asked, core=to(id=asked))


def times(refuse):
    early, late = "share_not_yet_valid", "share_expired"
    refuse("nbf-future", "Valid from the year 2100.", early,
           core=to(nbf=FUTURE))
    refuse("nbf-int64-max", "Valid from the largest time.", early,
           core=to(nbf=2 ** 63 - 1))
    refuse("nbf-in-a-second", "nbf is one second after now.", early,
           core=to(nbf=FUTURE), extra={"now": FUTURE - 1})
    refuse("exp-past", "Expired.", late, core=to(exp=PAST))
    refuse("exp-zero", "Expired in 1970: zero is a time, not none.", late,
           core=to(exp=0))
    refuse("exp-now", "exp is now: expired at this moment.", late,
           core=to(exp=IAT), extra={"now": IAT})
    refuse("revoked", "The record says revoked.", "share_revoked", **REVOKED)
    refuse("revoked-without-time", "revokedAt is optional.", "share_revoked",
           record=to(status={"state": "revoked"}))
    refuse("revoked-in-future", "revokedAt is in the future: revoked is "
           "revoked.", "share_revoked", record=to(
               status={"state": "revoked", "revokedAt": FUTURE}))


def who(refuse):
    none, no_key = "recipient_not_authorized", "identity_not_found"
    refuse("identity-unknown", "The gateway has no key of dave.", no_key,
           identity="dave")
    refuse("identity-unknown-with-wrap", "There is a wrap for dave, but no "
           "key.", no_key, identity="dave",
           recipients=[("dave", keyset.STRANGER.public_key())])
    refuse("stranger", "Carol has a key and no wrap.", none,
           identity="carol")
    refuse("no-wraps", "Nobody has a wrap.", none, recipients=[])
    refuse("wrap-for-other-kid", "The only wrap for alice is for a key that "
           "she had before.", none, recipients=[OLD])
    refuse("wrap-for-other-name", "Alice's key stands under another name "
           "only.", none,
           recipients=[("somebody", keyset.PUBLIC["alice"])])
    refuse("wrap-for-name-in-upper-case", "Names are compared exactly.",
           none, recipients=[("Alice", keyset.PUBLIC["alice"])])
    refuse("wrap-for-longer-name", "A name that begins like alice's.", none,
           recipients=[("alice2", keyset.PUBLIC["alice"])])
    refuse("256-wraps-none-mine", "As many wraps as there may be, none is "
           "ours.", none, recipients=[], wraps=lambda wraps: crowd(256))


def what(refuse):
    refuse("download-refused", "allowDownload is false.",
           "download_not_allowed", action="download",
           core=to(allowDownload=False))
    refuse("vault", "Bound to a vault, and no vault service can be asked.",
           "vault_provider_error", core=to(**VAULT))
    refuse("capability-for-all", "A capability is required for all actions, "
           "and no token is given.", "capability_required",
           core=to(**CAPABILITY))
    for action in ("open", "download"):
        refuse("capability-for-" + action, f"A capability is required to "
               f"{action}, and no token is given.", "capability_required",
               action=action, core=to(capability={
                   "issuer": "owner", "actions": [action]}))
    refuse("policy-denies", "The policy says no.", "policy_denied",
           core=to(**POLICY), extra={"policy": False})
    refuse("policy-without-service", "Bound to a policy, and no policy "
           "service is configured.", "policy_provider_required",
           core=to(**POLICY))


def order_before_keys(refuse):
    def first(name, comment, outcome, **how):
        refuse("order-" + name, comment, outcome, **how)

    both = to(exp=PAST)
    first("state-unknown-and-bad-signature", "The record is judged first.",
          "metadata_provider_error", record=to(status={"state": "x"}),
          **MALLORY)
    first("bad-signature-and-expired", "An unsigned exp says nothing.",
          "invalid_capsule", core=both, **MALLORY)
    first("bad-signature-and-revoked", "A stranger's capsule is bad before "
          "it is revoked.", "invalid_capsule", **MALLORY, **REVOKED)
    first("other-id-and-expired", "The id is compared before the times.",
          "invalid_capsule", core=to(id="another", exp=PAST))
    first("early-and-expired", "nbf is looked at before exp.",
          "share_not_yet_valid", core=to(nbf=FUTURE, exp=PAST))
    first("expired-and-revoked", "exp is looked at before the state.",
          "share_expired", core=both, **REVOKED)
    first("early-and-revoked", "nbf is looked at before the state.",
          "share_not_yet_valid", core=to(nbf=FUTURE), **REVOKED)
    first("expired-and-identity-unknown", "The times come before the keys.",
          "share_expired", core=both, identity="dave")
    first("revoked-and-identity-unknown", "The state comes before the keys.",
          "share_revoked", identity="dave", **REVOKED)
    first("bad-signature-insecure-and-expired", "Nobody looks at the "
          "signature, so expired it is.", "share_expired", core=both,
          owners="insecure_any", **MALLORY)


def spoil(wraps):
    wraps[0]["ct"] = wraps[0]["ct"][::-1]


def order_after_keys(refuse):
    def first(name, comment, outcome, **how):
        refuse("order-" + name, comment, outcome, **how)

    first("identity-unknown-and-download", "The key comes before the action.",
          "identity_not_found", identity="dave", action="download",
          core=to(allowDownload=False))
    first("stranger-and-download", "The wrap comes before the action.",
          "recipient_not_authorized", identity="carol", action="download",
          core=to(allowDownload=False))
    first("download-and-vault", "The action comes before the vault.",
          "download_not_allowed", action="download",
          core=to(allowDownload=False, **VAULT))
    first("vault-and-capability", "The vault comes before the capability.",
          "vault_provider_error", core=to(**VAULT, **CAPABILITY))
    first("capability-and-policy", "The capability comes before the policy.",
          "capability_required", core=to(**CAPABILITY, **POLICY),
          extra={"policy": False})
    first("policy-and-unwrap", "The policy comes before the key is "
          "unwrapped.", "policy_denied", core=to(**POLICY), wraps=spoil,
          extra={"policy": False})
    first("unwrap-and-fetch", "A wrap that does not open, and a root that no "
          "gateway has: no gateway is asked.", "key_unwrap_failed",
          wraps=spoil, root=cids.v1(b"no gateway has this block"))
    first("no-policy-service-and-unwrap", "The same without a service.",
          "policy_provider_required", core=to(**POLICY), wraps=spoil)
