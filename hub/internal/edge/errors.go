package edge

import "errors"

// What is wrong with a configuration. Of a list, the error names the entry too.
var (
	ErrOrigin            = errors.New("edge: not an origin, which is scheme://host or scheme://host:port and nothing behind it")
	ErrOriginWildcard    = errors.New("edge: a wildcard can only stand for the first labels of a host name: https://*.example.com")
	ErrOriginStar        = errors.New("edge: * allows every origin, so that nothing can stand beside it")
	ErrOriginCredentials = errors.New("edge: credentials go to listed origins only, not to *")

	ErrProxyRange = errors.New("edge: not an address, a CIDR range, loopback or private")

	ErrCookieValue    = errors.New("edge: the value of the session cookie is the session's id, not one of the configuration")
	ErrCookieSecure   = errors.New("edge: browsers drop a cookie with SameSite=None that is not Secure")
	ErrCookiePrefix   = errors.New("edge: browsers drop a __Secure- or __Host- cookie without what its name promises")
	ErrBundleEmpty    = errors.New("edge: none of the files of the client bundle is there")
	ErrBundleTooLarge = errors.New("edge: the files of the client bundle are too large")
)

// What is wrong with a PROXY header. The connection is to be closed without an answer (PROXY protocol 2).
var (
	ErrProxySignature = errors.New("edge: not the beginning of a PROXY header")
	ErrProxyLine      = errors.New("edge: PROXY header of version 1 without its CRLF at the end of at most 107 bytes")
	ErrProxyTooLong   = errors.New("edge: PROXY header of version 2 is too long")
	ErrProxyPartial   = errors.New("edge: not one whole PROXY header")
	ErrProxyAddress   = errors.New("edge: PROXY header with addresses that cannot be read")
)
