# Answers that a policy in error gives, each its own document.

package meshkit.faults

# never defined: there is no such question
undefined := {"decision": true} if input.action.name == "print"

# an object whose member has no value is undefined as a whole
partial := {"decision": missing}

missing if input.action.name == "print"

# two values for one document
conflict := {"decision": true} if input.action.name == "open"

conflict := {"decision": false} if input.subject.id == "ann"

text := {"decision": "true"}

bare := true

set_of_one := {"decision": {true}}

obligation := {
	"decision": true,
	"context": {"obligations": [{"id": "watermark"}]},
}

# what AuthZEN lets a service add
reason := {
	"decision": true,
	"context": {"reason_admin": {"en": "as she is a member"}},
}
