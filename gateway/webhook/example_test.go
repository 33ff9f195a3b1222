package webhook_test

import (
	"io"
	"net/http"
	"os"
	"time"

	"starling/gateway/webhook"
)

// A backend in Go that lets everybody into every room, if it is Starling that asks.
func ExampleVerify() {
	secrets := [][]byte{[]byte(os.Getenv("STARLING_WEBHOOK_SECRET"))}
	http.HandleFunc("POST /starling", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		if err != nil {
			http.Error(w, "too long", http.StatusRequestEntityTooLarge)
			return
		}
		if err := webhook.Verify(r.Header.Get(webhook.SignatureHeader), body, secrets, 5*time.Minute, time.Now()); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, `{"allow":true}`)
	})
}
