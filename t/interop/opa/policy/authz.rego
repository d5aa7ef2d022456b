# Who may ask: a gateway with its token, for a decision and nothing else.
# data.gateways has the tokens' SHA-256, not the tokens.

package system.authz

default allow := false

allow if {
	input.method == "GET"
	input.path == ["health"]
}

allow if {
	input.method == "POST"
	array.slice(input.path, 0, 3) == ["v0", "data", "meshkit"]
	crypto.sha256(input.identity) in data.gateways
}
