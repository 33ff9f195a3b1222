// Package control is the HTTP API by which a backend reaches the clients of a server: it emits to rooms, sockets, users
// and everyone, moves sockets between rooms, disconnects them, and asks who is there.
//
//	keys, err := control.LoadKeys("/etc/starling/keys.yaml", nil)
//	api, err := control.New(control.Config{Server: io, Keys: keys})
//	err = control.NewServer(api, logger).Serve(listener)
//
// What is here is safe by default: a request without a target is an error and never means everyone, a field or a
// parameter that is not known is an error and never ignored, and a key that is locked to some rooms learns nothing of
// what is outside of them.
//
// The words of the interface are in docs/CONTROL-API.md, and in the OpenAPI document that the API serves.
package control
