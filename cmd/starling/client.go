package main

import (
	"embed"
	"io/fs"
	"log/slog"
)

// client holds the browser builds of socket.io-client, if `make build` could copy them from the npm package: they are
// never part of this repository.
//
//go:embed all:client/dist
var client embed.FS

// clientFiles are the files of the client that were built in, nil if there are none.
func clientFiles(log *slog.Logger) fs.FS {
	dist, err := fs.Sub(client, "client/dist")
	if err == nil {
		_, err = fs.Stat(dist, "socket.io.js")
	}
	if err != nil {
		log.Info("the browser builds of the client are not built in (make build does it where npm is)")
		return nil
	}
	return dist
}
