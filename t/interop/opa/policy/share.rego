# Who may open which capsules.  A capsule names its terms by its policyId; the
# subject is whoever nginx says that asks.
#
# The data API's form for webhooks, POST /v0/data/..., takes the question
# itself as the input and answers with the bare document, as nginx has it.

package meshkit.share

# for format=authzen
authzen := {"decision": allow}

# for format=lit
lit := {"allowed": allow_lit}

default allow := false

allow if {
	input.action.name == "open"
	input.subject.id in terms.members
	holds
}

allow if {
	input.action.name == "download"
	input.subject.id in terms.savers
	holds
}

holds if {
	input.subject.properties.openAs == "alice"
	input.resource.type == "capsule"
	input.resource.properties.owner == "owner"
	input.resource.properties.size <= terms.size
	lasts
	near
}

lasts if {
	now := time.parse_rfc3339_ns(input.context.time)
	now < time.parse_rfc3339_ns(terms.until)
}

near if {
	some network in terms.networks
	net.cidr_contains(network, input.context.ip)
}

terms := data.terms[input.resource.properties.policyId]

# This form says neither who asks nor how large the file is: the identity that
# is opened as has to do.

default allow_lit := false

allow_lit if {
	some action in data.terms[input.policyId].identities[input.identity]
	action == input.action
}
