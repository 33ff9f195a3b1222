// Package gateway makes a Socket.IO server out of package hub that an application deploys beside a backend in any language:
// clients show tokens that say which rooms they may use, the backend reaches everyone, a room, a user or one socket by HTTP, and
// is told by webhooks what clients do.
//
//	browser ── token ──> gateway ── webhooks ──> backend
//	browser <── events ── gateway <── HTTP API ── backend
//
// Workspaces are private: a client is in no room, and reaches nobody, unless its token, its webhook or the backend says so.
// docs/TOKENS.md, docs/CONTROL-API.md and docs/WEBHOOKS.md describe the three sides.
//
// The gateway uses nothing of the server but the public API of package hub, so whatever it does an application of its own could
// do too.
package gateway
