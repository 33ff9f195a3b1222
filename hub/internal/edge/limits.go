package edge

// ProxyHeaderBytesMax is the longest PROXY header, of either version, that ProxyHeaderLen accepts.
const ProxyHeaderBytesMax = proxyPrefixBytes + proxyBodyBytesMax

const (
	// proxyLineBytesMax is the longest version 1 header with its line end (PROXY protocol 2.1).
	proxyLineBytesMax = 107
	// proxyPrefixBytes is the fixed part of a version 2 header: signature, version and command, family, length.
	proxyPrefixBytes = 16
	// proxyBodyBytesMax bounds the addresses and TLVs of a version 2 header. What is long among them is a client's
	// certificate, of 1 to 2 KiB.
	proxyBodyBytesMax = 4 << 10

	// forwardedEntriesMax bounds the entries of X-Forwarded-For that are looked at: nobody has as many proxies in a row.
	forwardedEntriesMax = 100

	// hostBytesMax is the longest name of the DNS in its text form, with a dot at the end.
	hostBytesMax = 254

	// bundleBytesMax bounds all files of a client bundle together; those of 4.8.3 have 1.2 MB.
	bundleBytesMax = 8 << 20
	// bannerBytesMax is how far into a file the comment with its version is looked for.
	bannerBytesMax = 256
	// gzipBytesMin is the size from which a file is offered compressed, as in the reference server (httpCompression).
	gzipBytesMin = 1 << 10
)

const _ = uint(ProxyHeaderBytesMax - proxyLineBytesMax)
