# The versioned data API may be asked too: to see what becomes of its answer.

package system.authz

allow if input.path == ["v1", "data", "meshkit", "share", "authzen"]
