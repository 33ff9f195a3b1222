package control

import (
	"log/slog"
	"net/http"
)

// NewServer makes a server for an API, with times that keep slow clients from holding connections for nothing. Its log is
// logger's. Shutdown of it ends the streams of the API first, for which it would wait otherwise.
func NewServer(api *API, logger *slog.Logger) *http.Server {
	s := &http.Server{
		Handler: api, ReadHeaderTimeout: headerTimeMax, IdleTimeout: idleTimeMax, MaxHeaderBytes: headerBytesMax,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	s.RegisterOnShutdown(api.Stop)
	return s
}
