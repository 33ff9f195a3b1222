package access_test

import (
	"context"
	"fmt"
	"time"

	"starling/gateway/access"
)

// A backend makes a token, and the server a grant of it.
func Example() {
	secret := []byte("a secret that has 32 bytes or more")
	signer, err := access.NewSecretSigner(secret)
	if err != nil {
		panic(err)
	}
	token, err := access.Mint(signer, access.Claims{
		User: "42", Join: []string{"ws:acme"}, Rooms: []string{"ws:acme:*"}, TTL: time.Hour,
	})
	if err != nil {
		panic(err)
	}

	verifier, err := access.NewVerifier(context.Background(), access.VerifierConfig{HMACSecrets: [][]byte{secret}})
	if err != nil {
		panic(err)
	}
	defer verifier.Close()
	grant, err := verifier.Verify(context.Background(), token)
	if err != nil {
		panic(err)
	}
	for _, room := range []string{"ws:acme", "ws:acme:board-7", "user:42", "ws:globex", "user:43"} {
		fmt.Println(room, grant.MayJoin(room))
	}
	// Output:
	// ws:acme true
	// ws:acme:board-7 true
	// user:42 true
	// ws:globex false
	// user:43 false
}
