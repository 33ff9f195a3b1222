package advisories_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"starling/internal/starlingtest"
)

// ofOthers are those of servers and libraries of other kinds.
var ofOthers = []advisory{
	{
		id:    "CVE-2020-27813",
		fault: "lengths of frames whose sum is no number any more (gorilla/websocket)",
		rows: []row{
			{name: "2^63-1 bytes", frames: "81 ff 7fffffffffffffff 00000000", code: 1009},
			{name: "a fragment, and 2^63-1 bytes", frames: "01 81 00000000 'a'  80 ff 7fffffffffffffff 00000000", code: 1009},
			{name: "two fragments of half of that and more", frames: "01 ff 4000000000000000 00000000  80 ff 4000000000000000 00000000", code: 1009},
		},
		elsewhere: []string{"wsproto.TestReader"},
	},
	{
		id:    "CVE-2026-27889",
		fault: "a length with its first bit set taken for a negative number (NATS)",
		rows: []row{
			{name: "2^64-1 bytes", frames: "82 ff ffffffffffffffff 00000000", code: 1002},
			{name: "2^63 bytes", frames: "82 ff 8000000000000000 00000000", code: 1002},
			{name: "2^64-1 bytes before a CONNECT", unjoined: true, frames: "82 ff ffffffffffffffff 00000000", code: 1002},
			{name: "2^63 bytes in a continuation", frames: "01 81 00000000 'a'  80 ff 8000000000000000 00000000", code: 1002},
		},
		elsewhere: []string{"wsproto.TestReader"},
	},
	{
		id:    "CVE-2026-27571",
		fault: "a little that inflates to very much, before anybody has said who they are (NATS)",
		rows: []row{
			{name: "100 times 64 MB of zeros, before a CONNECT", on: deflates, do: bombs, over: []transport{webSocket, upgraded}},
			{name: "in fragments", on: deflates, do: bombInFragments, over: []transport{webSocket, upgraded}},
			{name: "with compression off", frames: "c2 87 00000000 f248cdc9c90700", code: 1002},
		},
		elsewhere: []string{"wsproto.TestReaderDeflateBomb", "wsproto.TestInflateMemory"},
	},
	{
		id:    "CVE-2026-33219",
		fault: "fragments without end, before anybody has said who they are (NATS)",
		rows: []row{
			{name: "of a kilobyte", unjoined: true, frames: "01 80 00000000 " + strings.Repeat("00 fe 0400 00000000 00*1024 ", 1200), code: 1009},
			{name: "of 64 KiB together, and a byte", unjoined: true, frames: "01 80 00000000 " + strings.Repeat("00 fe 0400 00000000 00*1024 ", 64) + "00 81 00000000 00", code: 1009},
			{name: "of nothing", unjoined: true, frames: "02 80 00000000 008000000000*10000", code: 1008},
		},
		elsewhere: []string{"internal/echoserver.TestFragmentsAreCounted"},
	},
	{
		id:    "nats-server 409d394aa, nats-server 2925899fa, nats-server 1727c6061, nats-server dc6827ade",
		fault: "an empty frame that is compressed, a buffer used by two, a close in two reads, paths of what is off",
		rows: []row{
			// An empty message is no packet of Engine.IO.
			{name: "a compressed frame of nothing", on: deflates, frames: "c1 80 00000000", code: 1005},
			{name: "an empty message, compressed", on: deflates, frames: "c1 81 00000000 00", code: 1005},
			{name: "a close that is compressed", on: deflates, frames: "c8 80 00000000", code: 1002},
			{name: "control frames in pieces of each size", do: controlsInPieces, over: []transport{webSocket, upgraded}},
			{name: "control frames in pieces of each size, compression on", on: deflates, do: controlsInPieces, over: []transport{webSocket, upgraded}},
			{name: "every path with what it is for switched off", on: alone, do: pathsOfWhatIsOff, over: together},
		},
		elsewhere: []string{"wsproto.TestReaderDeflate", "wsproto.TestDeflateConcurrently", "hub.TestEverythingAtOnce", "hub.TestABroadcastIsEncodedOnce"},
	},
	{
		id:    "nats-server 036aa3aab, nats-server 6ffaacdc6, nats-server baec9e86e",
		fault: "closes with codes that there are none of, origins compared in part, keys of any length",
		rows: slices.Concat(
			[]row{
				{name: "a close of a byte", frames: "88 81 00000000 03", code: 1002},
				{name: "a close with 999", frames: "88 82 00000000 03e7", code: 1002},
				{name: "a close with 1004", frames: "88 82 00000000 03ec", code: 1002},
				{name: "a close with 1005", frames: "88 82 00000000 03ed", code: 1002},
				{name: "a close with 1006", frames: "88 82 00000000 03ee", code: 1002},
				{name: "a close with 1015", frames: "88 82 00000000 03f7", code: 1002},
				{name: "a close with 5000", frames: "88 82 00000000 1388", code: 1002},
				{name: "a close with a reason that is no text", frames: "88 83 00000000 03e8 ff", code: 1007},
				{name: "a close of 126 bytes", frames: "88 fe 007e 00000000 03e8 'x'*124", code: 1002},
			},
			keys("", "dGhlIHNhbXBsZSBub25jZQ", "c2hvcnQ=", base64.StdEncoding.EncodeToString([]byte("seventeen bytes!!")), "!!!!!!!!!!!!!!!!!!!!!!==", "dGhlIHNhbXBsZSBub25jZQ==x"),
			requests("http for https", "EIO=4&transport=polling", 403, "", "Origin: ftp://localhost")[:1],
			requests("another port", "EIO=4&transport=websocket", 403, "", "Origin: http://localhost:8443")[2:],
		),
		elsewhere: []string{"wsproto.TestParseClose", "wsproto.TestHandshakeKey", "wsproto.TestUpgrade", "hub/internal/edge.TestSameOriginOnly"},
	},
	{
		id:    "CVE-2026-42786, CVE-2026-44545",
		fault: "a limit on each fragment and none on their sum (Bandit, daphne)",
		rows: []row{
			{name: "fragments of 64 KiB", frames: "01 80 00000000 " + strings.Repeat("00 ff 0000000000010000 00000000 00*65536 ", 20), code: 1009},
			{name: "the last one is a byte too many", frames: "02 ff 00000000000f4240 00000000 00*1000000  80 81 00000000 00", code: 1009},
		},
		elsewhere: []string{"internal/echoserver.TestLargeMessages"},
	},
	{
		id:        "CVE-2026-32689, GHSA-628h-q48j-jr6q",
		fault:     "a body of line ends that is split into as many pieces (Phoenix)",
		rows:      []row{{name: "separators alone", over: []transport{polling}, messages: []string{strings.Repeat(starlingtest.Separator, 1_000_000)}, code: 1005}},
		elsewhere: []string{"test/server.TestAbuse/bodies of many packets", "wsproto/engineio.TestPayloadNext"},
	},
	{
		id:    "CVE-2022-42975, phoenix 6e7185b33",
		fault: "an origin that ends like one that is allowed (Phoenix)",
		rows: slices.Concat(
			origins(403,
				"https://evil-example.com", "https://org1.prefix-example.com", "http://bad.example.com.evil", "https://bad.example.com.evil", "null", "file://",
				"https://example.com", "http://a.example.com", "https://a.example.com:8443", "https://a.example.com.", "https://.example.com",
				"https://a.example.com@evil.example", "https://evil.example/.example.com", "https://a.example.com:443",
			),
			origins(400, "https://a.example.com ,https://evil.example", "https://a.example.com\x00.evil"),
			origins(200, "https://a.example.com", "https://a.b.example.com", "HTTPS://A.EXAMPLE.COM"),
		),
		elsewhere: []string{"test/server.TestAbuse/forbidden origins", "hub/internal/edge.TestListedOrigins", "hub/internal/edge.FuzzOrigins"},
	},
	{
		id:        "CVE-2020-36406, uWebSockets 03fca62",
		fault:     "more rooms at once than there is space for (uWebSockets)",
		rows:      []row{{name: "a client of 10,000 rooms", do: manyRooms, over: []transport{webSocket, upgraded}}},
		elsewhere: []string{"gateway/control.TestEmitToTheMost", "hub/internal/rooms.TestAgainstTheObviousTwin", "hub.TestRooms", "hub.TestBroadcasts"},
	},
	{
		id:    "CVE-2021-45945, uWebSockets 399204d",
		fault: "requests in pieces that are written beyond their end, and sizes of chunks that are no numbers (uWebSockets)",
		rows: slices.Concat(
			costly(bodies("Transfer-Encoding: chunked", 400, "FFFFFFFFFFFFFFFF\r\n", "ffffffffffffffffffffffff\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n")),
			bodies("Transfer-Encoding: chunked", 413, "fffffffffffffff\r\n", "F4241\r\n"),
			bodies("Content-Length: +2", 400, "42"), bodies("Content-Length: -2", 400, "42"), bodies("Content-Length: 2\r\nContent-Length: 3", 400, "42"),
			bodies("Content-Length: 2\r\nTransfer-Encoding: chunked", 400, "2\r\n42\r\n0\r\n\r\n"), bodies("Content-Length: 18446744073709551618", 400, "42"),
			[]row{{name: "requests cut at each byte", do: requestsInTwo, over: everyWay}},
		),
		elsewhere: []string{
			"test/server.TestAbuse/requests that end their connection", "hub/internal/session.TestRequestsInPieces", "hub/internal/session.TestHeadInPieces",
			"wsproto.TestUpgradeAtEachByte", "wsproto.TestChunkedIsBounded",
		},
	},
	{
		id:    "CVE-2016-10544",
		fault: "a limit on what is inflated that counts what is not (uws)",
		rows:  []row{{name: "256 MB of zeros, where 16 MB are allowed", on: large, do: largeBomb, over: []transport{webSocket, upgraded}}},
	},
	{
		id:    "CVE-2022-21667, soketi 4b12efe",
		fault: "a POST of nothing (soketi)",
		rows: slices.Concat(
			costly(empties(pollTarget+"&sid=SID", 400)), empties(pollTarget, 400), empties(wsTarget, 400), empties("/socket.io/", 400),
			empties("/", 404), empties("/apps/1/events", 404), []row{{name: "the control API", on: alone, do: emptyBodiesForTheAPI, over: together}},
		),
		elsewhere: []string{"hub.TestHTTPProbes/POST empty body"},
	},
	{
		id:    "CVE-2026-32301, CVE-2026-49998, GHSA-q926-c743-49qj",
		fault: "tokens believed before they are verified, keys taken for others of that name, a switch that silently verifies nothing (Centrifugo)",
		rows:  []row{{name: "tokens that nobody has signed", on: alone, do: forgedTokens, over: everyWay}},
		elsewhere: []string{
			"gateway/access.TestVerify", "gateway/access.TestKeySet", "gateway/access.TestUnknownKeysCauseFewFetches", "gateway/access.TestLooseVerifier",
			"gateway/access.TestAlgorithmsMayBeFewer", "gateway.TestAnonymousClientsHaveNoRights", "cmd/starling.TestServeWarns", "cmd/starling.TestSomebodyHasToBeLetIn",
		},
	},
	{
		id:    "gws e743e932, nbio 9b80f07, nbio 5ec7332, nbio eea3c59, nbio ace0ef0",
		fault: "a limit on what is compressed alone, bodies of nothing, a table of descriptors that ends before they do",
		rows: []row{
			{name: "64 KiB where 128 bytes are allowed", on: small, do: smallBomb, over: []transport{webSocket, upgraded}},
			{name: "129 bytes where 128 are allowed", on: small, frames: "81 fe 0081 00000000 '4'*129", code: 1009},
		},
		elsewhere: []string{"test/server.TestFewFiles", "test/server.TestFloodBeyondTheCap", "eventloop.TestFewOpenFiles", "wsproto.TestReaderDeflate"},
	},
	{
		id:    "CVE-2026-54466, CVE-2026-54490",
		fault: "lengths that are not what they say (websocket-driver)",
		rows: []row{
			{name: "5 bytes in 16 bits", frames: "81 fe 0005 00000000 '42[1]'", code: 1002},
			{name: "125 bytes in 16 bits", frames: "81 fe 007d 00000000 'x'*125", code: 1002},
			{name: "5 bytes in 64 bits", frames: "81 ff 0000000000000005 00000000 '42[1]'", code: 1002},
			{name: "65,535 bytes in 64 bits", frames: "81 ff 000000000000ffff 00000000 'x'*65535", code: 1002},
			{name: "2^53 bytes", frames: "81 ff 0020000000000000 00000000", code: 1009},
			{name: "2^53+1 bytes", frames: "81 ff 0020000000000001 00000000", code: 1009},
			{name: "2^32 bytes and 5", frames: "81 ff 0000000100000005 00000000 '42[1]'", code: 1009},
			{name: "a frame without a mask", frames: "81 05 '42[1]'", code: 1002},
		},
		elsewhere: []string{"wsproto.TestReader", "internal/echoserver.TestAnnouncedTooMuch"},
	},
	{
		id:    "granian GHSA",
		fault: "a header that is no text (granian)",
		rows: slices.Concat(
			protocols(400, "\x80", "\xff\xfe", "chat\xe9", strings.Repeat("\xff", 1000), "a\x00b", "\x00", "a\x7fb", "a\x01b"),
			[]row{
				{name: "in a GET", request: withHeader(starlingtest.GetRequest(pollTarget), "Sec-WebSocket-Protocol: \xff", "Cookie: \x80\xff", "User-Agent: \xfe"), status: 200},
				{name: "a NUL in a GET", request: withHeader(starlingtest.GetRequest(pollTarget), "Cookie: \x00"), status: 400},
			},
		),
		elsewhere: []string{"test/server.TestAbuse/a header with a NUL", "hub/internal/session.TestHeadersCannotSplitAnswers"},
	},
	{
		id:     "gobwas/ws, gws, nbio, gnet, sonic, coder/websocket",
		fault:  "none known",
		reason: "there is no fault to try: the Go vulnerability database has none of these modules",
	},
}

// keys are upgrades with a Sec-WebSocket-Key that is not 16 bytes.
func keys(all ...string) (rows []row) {
	for _, key := range all {
		request := strings.Replace(starlingtest.UpgradeRequest(wsTarget), "dGhlIHNhbXBsZSBub25jZQ==", key, 1)
		rows = append(rows, row{name: "the key " + key, request: request, status: 400})
	}
	return rows
}

// origins are requests of a page for a session of its own, and for somebody's.
func origins(status int, all ...string) (rows []row) {
	const header = "Access-Control-Allow-Origin"
	for _, origin := range all {
		switching, without := 101, ""
		if status != 200 {
			switching, without = status, header
		}
		add := func(name, request string, status int) {
			rows = append(rows, row{name: origin + " " + name, on: wildcard, request: withHeader(request, "Origin: "+origin), status: status, without: without})
		}
		add("polls", starlingtest.GetRequest(pollTarget), status)
		add("posts", starlingtest.PostRequest(pollTarget+"&sid=SID", `42["nobody"]`), status)
		add("opens a WebSocket", starlingtest.UpgradeRequest(wsTarget), switching)
		add("upgrades", starlingtest.UpgradeRequest(wsTarget+"&sid=SID"), switching)
	}
	return rows
}

// bodies are POSTs to a session, none of which ends it.
func bodies(headers string, status int, all ...string) (rows []row) {
	for _, body := range all {
		rows = append(rows, row{
			name: headers + " and " + body, status: status,
			request: "POST " + pollTarget + "&sid=SID HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n\r\n" + body,
		})
	}
	return rows
}

// costly are requests which make no sense half-way, so that the session ends with them.
func costly(all []row) []row {
	for i := range all {
		all[i].costs = true
	}
	return all
}

// empties are POSTs of nothing.
func empties(target string, status int) []row {
	return []row{
		{name: "a length of 0, " + target, status: status, request: "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"},
		{name: "no length, " + target, status: status, request: "POST " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	}
}

// protocols are upgrades that offer a protocol of such bytes.
func protocols(status int, all ...string) (rows []row) {
	for _, p := range all {
		for _, target := range []string{wsTarget, wsTarget + "&sid=SID"} {
			rows = append(rows, row{
				name: fmt.Sprintf("%.20q, %s", p, target), status: status, without: "Sec-Websocket-Protocol",
				request: withHeader(starlingtest.UpgradeRequest(target), "Sec-WebSocket-Protocol: "+p),
			})
		}
	}
	return rows
}
