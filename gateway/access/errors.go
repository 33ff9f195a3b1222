package access

import "errors"

// What can be wrong with a name, a pattern or a grant. The texts are meant for the client that sent it.
var (
	// ErrRoomBytes: the name of a room is empty or longer than RoomBytesMax.
	ErrRoomBytes = errors.New("the name of a room has 1 to 255 bytes")
	// ErrUserBytes: the id of a user is empty or longer than UserBytesMax.
	ErrUserBytes = errors.New("the id of a user has 1 to 250 bytes")
	// ErrNameUTF8: the bytes are no UTF-8, or hold U+FFFD. That is what decoders make of broken text, so that two names
	// which were broken differently would become one.
	ErrNameUTF8 = errors.New("a name is valid UTF-8 without U+FFFD")
	// ErrNameControl: control characters break logs, and nobody can see them.
	ErrNameControl = errors.New("a name has no control characters")
	// ErrNameStar: only patterns have a '*'.
	ErrNameStar = errors.New("a name has no '*'")
	// ErrNameSpace: a space at an end is nearly always a mistake, and nobody can see it.
	ErrNameSpace = errors.New("a name does not begin or end with a space")
	// ErrPatternStar: a '*' stands for the rest of a name, and begins a part of it.
	ErrPatternStar = errors.New("the '*' of a pattern is its last character, and a ':' is before it")
	// ErrPatternsMax: a list of a grant is longer than PatternsMax.
	ErrPatternsMax = errors.New("a list of rooms has at most 100 entries")
	// ErrDataBytes: the data of a grant is longer than DataBytesMax.
	ErrDataBytes = errors.New("the data of a client has at most 4096 bytes")
	// ErrDataJSON: the data of a grant is no JSON.
	ErrDataJSON = errors.New("the data of a client is JSON")
)

// What can be wrong with keys and with the configuration of a verifier or a signer. The texts are meant for whoever
// runs the server.
var (
	// ErrNoKeys: a verifier without a key would refuse everybody.
	ErrNoKeys = errors.New("no secret, no public key and no JWKS endpoint is given")
	// ErrKeysMax: there are more keys than KeysMax.
	ErrKeysMax = errors.New("there are more than 50 keys")
	// ErrSecretBytes: an HMAC secret is shorter than SecretBytesMin. Short ones are found by trial, away from the server.
	ErrSecretBytes = errors.New("a secret has at least 32 bytes; openssl rand -base64 32 makes one")
	// ErrSecretPEM: the secret is a key or a certificate in PEM. A public key as a secret would let everybody sign.
	ErrSecretPEM = errors.New("a PEM file is no secret; public keys have an option of their own")
	// ErrKeyPEM: there is no public key in PEM, or something beside.
	ErrKeyPEM = errors.New(`a public key is a PEM block "PUBLIC KEY" or "RSA PUBLIC KEY"`)
	// ErrKeyPrivate: a verifier was given a private key, which it does not need and could lose.
	ErrKeyPrivate = errors.New("this is a private key; a server that verifies has the public one only (openssl pkey -pubout)")
	// ErrKeyKind: the key is none of RSA, EC on P-256, P-384 or P-521, and Ed25519.
	ErrKeyKind = errors.New("a key is RSA, EC on P-256, P-384 or P-521, or Ed25519")
	// ErrKeyUse: a key of an endpoint is not for signatures.
	ErrKeyUse = errors.New("the key is not meant for signatures")
	// ErrRSABits: an RSA key is smaller than RSABitsMin or larger than RSABitsMax.
	ErrRSABits = errors.New("an RSA key has 2048 to 8192 bits")
	// ErrAlgorithm: there is no such algorithm, or it is none that signs.
	ErrAlgorithm = errors.New("an algorithm is one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, " +
		"ES256, ES384, ES512, EdDSA")
	// ErrAlgorithmKey: the key fits none of the algorithms that are allowed, so it would never be used.
	ErrAlgorithmKey = errors.New("the key fits none of the allowed algorithms")
	// ErrLeeway: the leeway is negative or longer than LeewayMax.
	ErrLeeway = errors.New("the leeway is 0 to 5 minutes")
	// ErrJWKSURL: the address of the keys is no http or https URL.
	ErrJWKSURL = errors.New("the address of a JWKS endpoint is an http or https URL")
	// ErrJWKSRefresh: the time between fetches is shorter than JWKSRefreshMin.
	ErrJWKSRefresh = errors.New("keys are refreshed at most once a minute")
	// ErrJWKSStatus: the endpoint did not answer with 200.
	ErrJWKSStatus = errors.New("the JWKS endpoint did not answer with 200")
	// ErrJWKSRedirect: the endpoint sent us from https to something else.
	ErrJWKSRedirect = errors.New("the JWKS endpoint redirects away from https")
	// ErrJWKSBytes: the endpoint answered with more than JWKSBytesMax.
	ErrJWKSBytes = errors.New("the JWKS endpoint answered with more than 1 MiB")
	// ErrJWKSFormat: the answer is no JWK set, RFC 7517 5.
	ErrJWKSFormat = errors.New("the JWKS endpoint did not answer with a JWK set")
	// ErrJWKSEmpty: the set has no key that could verify anything; the keys that we have are kept.
	ErrJWKSEmpty = errors.New("the JWKS endpoint serves no key that can be used")
	// ErrKeysUnavailable: the endpoint has not served any keys yet. The text says no more, since whoever asks whether the
	// server is ready may read it; the log has the cause.
	ErrKeysUnavailable = errors.New("the keys for tokens could not be fetched yet")
	// ErrWaitersMax: WaitersMax tokens wait for the endpoint already. It is the cause of a TokenError.
	ErrWaitersMax = errors.New("more than 256 tokens of unknown keys wait for the JWKS endpoint")
	// ErrSignerKey: there is no private key in PEM, or it is encrypted.
	ErrSignerKey = errors.New(`a signing key is a PEM block "PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE KEY", ` +
		"without a password")
	// ErrTTL: a token cannot have expired before it was made.
	ErrTTL = errors.New("the time to live of a token is not negative")
	// ErrTokenBytes: a token would be longer than TokenBytesMax, and refused.
	ErrTokenBytes = errors.New("a token has at most 8192 bytes")
)

// Codes of TokenError: for programs, and as stable as the protocol.
const (
	// CodeRequired: there is no token.
	CodeRequired = "token_required"
	// CodeMalformed: it is no signed JWT, is too long, or wants an extension.
	CodeMalformed = "token_malformed"
	// CodeSignature: no key of this server has signed it, or not with an algorithm of that key.
	CodeSignature = "token_signature"
	// CodeExpired: its exp has passed.
	CodeExpired = "token_expired"
	// CodeNotYetValid: its nbf has not come.
	CodeNotYetValid = "token_not_yet_valid"
	// CodeIssuer: its iss is not the one that this server wants.
	CodeIssuer = "token_issuer"
	// CodeAudience: its aud does not name this server.
	CodeAudience = "token_audience"
	// CodeClaims: it is signed, and a claim is missing or makes no sense.
	CodeClaims = "token_claims"
	// CodeUser: it is the token of another user than the one who is connected.
	CodeUser = "token_user"
	// CodeKeysUnavailable: this server could not fetch its keys yet, so that it can judge no token, or too many tokens wait
	// for a key that it does not know.
	CodeKeysUnavailable = "token_keys_unavailable"
)

// TokenError says why a token was refused. Code and Message may be shown to the client: they tell nothing of the keys.
type TokenError struct {
	Code    string // one of the Code constants
	Message string // a sentence for people
	Err     error  // the cause, for the log alone; nil if there is no more to say
}

func (e *TokenError) Error() string { return e.Message }

// Unwrap returns Err.
func (e *TokenError) Unwrap() error { return e.Err }
