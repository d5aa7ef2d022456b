package meshkit.share_test

import data.meshkit.share

ask(changes) := object.union(
	{
		"subject": {
			"type": "identity",
			"id": "ann",
			"properties": {"openAs": "alice"},
		},
		"action": {"name": "open"},
		"resource": {
			"type": "capsule",
			"id": "c-1",
			"properties": {"policyId": "project", "owner": "owner", "size": 7},
		},
		"context": {"time": "2026-01-31T12:00:00Z", "ip": "127.0.0.1"},
	},
	changes,
)

decision(changes) := answer if {
	answer := share.authzen.decision with input as ask(changes)
}

policy(id) := {"resource": {"properties": {"policyId": id}}}

test_members_open if {
	decision({}) == true
	decision({"subject": {"id": "ben"}}) == true
}

test_others_do_not if {
	decision({"subject": {"id": "eve"}}) == false
	decision({"subject": {"id": ""}}) == false
	decision({"subject": {"properties": {"openAs": "bob"}}}) == false
	decision({"resource": {"properties": {"owner": "mallory"}}}) == false
}

test_savers_download if {
	decision({"action": {"name": "download"}}) == true
	decision({"subject": {"id": "ben"}, "action": {"name": "download"}}) == false
	decision({"action": {"name": "print"}}) == false
}

test_terms if {
	decision(policy("none")) == false
	decision(policy("finished")) == false
	decision(policy("small")) == true
	large := {"properties": {"policyId": "small", "size": 50001}}
	decision({"resource": large}) == false
}

test_where_and_when if {
	decision({"context": {"ip": "192.0.2.1"}}) == false
	decision({"context": {"ip": "2001:db8::1"}}) == true
	decision({"context": {"ip": "unix:"}}) == false
	decision({"context": {"time": "2200-01-01T00:00:00Z"}}) == false
	decision({"context": {"time": "soon"}}) == false
}

# nanoseconds in 64 bits end in 2262: what is beyond is undefined
test_an_end_beyond_2262_denies if {
	answer := share.authzen with input as ask({})
		with data.terms.project.until as "2262-04-12T00:00:00Z"
	answer == {"decision": false}
}

test_nothing_known_is_no if {
	answer := share.authzen with input as {}
	answer == {"decision": false}
	flat := share.lit with input as {}
	flat == {"allowed": false}
}

test_lit if {
	asked := {"policyId": "project", "identity": "alice", "action": "open"}
	yes := share.lit with input as asked
	yes == {"allowed": true}
	no := share.lit with input as object.union(asked, {"action": "download"})
	no == {"allowed": false}
}
