package system.authz_test

import data.system.authz

known := {
	"identity": "a-token",
	"method": "POST",
	"path": ["v0", "data", "meshkit", "share", "authzen"],
}

may(changes) := answer if {
	answer := authz.allow with input as object.union(known, changes)
		with data.gateways as [crypto.sha256("a-token")]
}

test_gateways_ask if may({}) == true

test_others_do_not if {
	may({"identity": "another"}) == false
	may({"identity": ""}) == false
	without := authz.allow with input as object.remove(known, ["identity"])
	without == false
}

test_for_nothing_else if {
	may({"path": ["v1", "data"]}) == false
	may({"path": ["v1", "policies"]}) == false
	may({"path": ["v0", "data", "gateways"]}) == false
	may({"method": "PUT"}) == false
	may({"method": "GET", "path": ["health"]}) == true
}
