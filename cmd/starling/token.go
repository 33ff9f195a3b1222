package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"starling/gateway/access"
)

// tokenCmd makes a token.
type tokenCmd struct {
	User       string        `placeholder:"ID" help:"The user. Without one the client is anonymous."`
	Room       []string      `sep:"none" placeholder:"PATTERN" help:"Rooms that the client may join: a name, or a prefix that ends in ':' and a '*' behind it (ws:acme:*). May be given again."`
	Join       []string      `sep:"none" placeholder:"ROOM" help:"Rooms that it joins when it connects. May be given again."`
	Emit       []string      `sep:"none" placeholder:"PATTERN" help:"Rooms that it may emit to. May be given again."`
	Data       string        `placeholder:"JSON" help:"What others see of it, up to 4096 bytes of JSON."`
	TTL        time.Duration `name:"ttl" default:"1h" help:"Time until the token expires, within 1s and 87600h."`
	SecretFile string        `xor:"key" placeholder:"FILE" help:"File with the secret to sign with (HS256), one of --jwt-secret-file of serve. Without a file it is the secret in STARLING_JWT_SECRET."`
	KeyFile    string        `xor:"key" placeholder:"FILE" help:"PEM file with the private key to sign with instead (RS256, ES256, ES384, ES512 or EdDSA)."`
	Issuer     string        `placeholder:"NAME" help:"The claim iss, as --jwt-issuer of serve."`
	Audience   string        `placeholder:"NAME" help:"The claim aud, as --jwt-audience of serve."`
}

// Run prints one token.
func (c *tokenCmd) Run(std *surroundings, src *sources) error {
	if ttl := during(time.Second, tokenTimeMax); !ttl.ok(c.TTL) {
		return usageError{relation{false, "ttl", c.TTL, ttl.want}.mistake()}
	}
	signer, from, err := c.signer(src.environ[variable("jwt-secret")])
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", from, err)}
	}
	token, err := access.Mint(signer, access.Claims{
		User: c.User, Join: c.Join, Rooms: c.Room, Emit: c.Emit, Data: json.RawMessage(c.Data),
		Issuer: c.Issuer, Audience: c.Audience, TTL: c.TTL,
	})
	if err != nil {
		return usageError{fmt.Errorf("there can be no such token: %w", err)}
	}
	_, err = fmt.Fprintln(std.out, token)
	return err
}

var errNoSigner = errors.New("there is none: give --secret-file, --key-file or STARLING_JWT_SECRET")

// signer takes the first of --secret-file, --key-file and the environment, and says which it is.
func (c *tokenCmd) signer(secret string) (s access.Signer, from string, err error) {
	switch {
	case c.SecretFile != "":
		from = "--secret-file"
		var secret []byte
		if secret, err = access.SecretFromFile(c.SecretFile); err == nil {
			s, err = access.NewSecretSigner(secret)
		}
	case c.KeyFile != "":
		from = "--key-file"
		var file []byte
		if file, err = os.ReadFile(c.KeyFile); err == nil {
			s, err = access.NewKeySigner(file)
		}
	case secret != "":
		from = variable("jwt-secret")
		s, err = access.NewSecretSigner([]byte(secret))
	default:
		return s, "a key to sign with", errNoSigner
	}
	return s, from, err
}
