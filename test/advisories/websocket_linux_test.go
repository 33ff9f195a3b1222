package advisories_test

import (
	"slices"
	"strings"

	"starling/internal/starlingtest"
)

// ofWS are those of ws, the WebSocket package below the reference server.
var ofWS = []advisory{
	{
		id:        "CVE-2016-10518, CVE-2026-45736, GHSA-58qx-3vcg-4xpx",
		fault:     "pongs and closes that carry memory of somebody else's",
		rows:      []row{{name: "behind a large message of another client's", do: exactPongs, over: []transport{webSocket, upgraded}}},
		elsewhere: []string{"wsproto.TestReaderMangles", "wsproto.TestAppendClose"},
	},
	{
		id:    "CVE-2016-10542",
		fault: "messages of any size by default",
		rows: []row{
			{name: "2^31 bytes", frames: "82 ff 0000000080000000 00000000", code: 1009},
			{name: "a byte too many", frames: "81 ff 00000000000f4241 00000000", code: 1009},
			{name: "2^31 bytes behind a fragment", frames: "02 81 00000000 00  80 ff 0000000080000000 00000000", code: 1009},
			{name: "2^40 bytes", frames: "82 ff 0000010000000000 00000000", code: 1009},
			{name: "2^31 bytes before a CONNECT", unjoined: true, frames: "82 ff 0000000080000000 00000000", code: 1009},
		},
		elsewhere: []string{"wsproto.TestReaderAllocatesWhatArrives", "wsproto.TestReader"},
	},
	{
		id:    "GHSA-5v72-xg48-5rpm",
		fault: "an extension that a prototype has",
		rows: slices.Concat(
			extensions(plain, "constructor", "toString", "__proto__", "foo; constructor", "permessage-deflate", strings.Repeat("permessage-deflate; x, ", 600)+"x"),
			extensions(deflates, "constructor", "toString", "__proto__", "foo; constructor", "permessage-deflate; __proto__", "permessage-deflate; constructor=1",
				strings.Repeat("permessage-deflate; x, ", 600)+"x"),
			[]row{{
				name: "1,000 offers", status: 431,
				request: withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Extensions: "+strings.Repeat("permessage-deflate; x, ", 1000)+"x"),
			}},
		),
		elsewhere: []string{"wsproto.TestAcceptDeflate", "wsproto.TestAcceptDeflateBesides"},
	},
	{
		id:    "CVE-2021-32640",
		fault: "a list of protocols read in quadratic time",
		rows: []row{
			{name: "30,000 spaces", request: withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Protocol: b"+strings.Repeat(" ", 30_000)+"x"), status: 431},
			{name: "12,000 spaces", request: withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Protocol: b"+strings.Repeat(" ", 12_000)+"x"), status: 101},
			{name: "12,000 spaces of an extension", request: withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Extensions: b"+strings.Repeat(" ", 12_000)+"x"), status: 101},
			{name: "12,000 spaces of a session that polls", request: withHeader(starlingtest.GetRequest(pollTarget), "Sec-WebSocket-Protocol: b"+strings.Repeat(" ", 12_000)+"x"), status: 200},
		},
	},
	{
		id:    "CVE-2024-37890",
		fault: "an upgrade without the header of that name, behind very many others",
		rows: []row{
			{name: "2,000 headers, and then Upgrade", request: manyHeaders(2000, wsTarget), status: 431},
			{name: "2,000 headers, and then Upgrade, of a session", request: manyHeaders(2000, wsTarget+"&sid=SID"), status: 431},
			{name: "101 headers", request: manyHeaders(101, wsTarget), status: 431},
			{name: "no Upgrade", request: strings.Replace(starlingtest.UpgradeRequest(wsTarget), "Upgrade: websocket\r\n", "", 1), status: 400},
			{name: "no Upgrade, of a session", request: strings.Replace(starlingtest.UpgradeRequest(wsTarget+"&sid=SID"), "Upgrade: websocket\r\n", "", 1), status: 400},
		},
		elsewhere: []string{"test/server.TestAbuse/101 headers", "test/server.TestAbuse/a megabyte of headers, byte by byte"},
	},
	{
		id:    "CVE-2026-48779, GHSA-96hv-2xvq-fx4p, ws 2329",
		fault: "fragments that cost more than they hold",
		rows: []row{
			{name: "1,000,000 empty ones", frames: "01 80 00000000 008000000000*1000000", code: 1008},
			{name: "100,000 of a byte", frames: "02 81 00000000 00 00810000000000*100000", code: 1008},
			{name: "1,000,000 empty ones before a CONNECT", unjoined: true, frames: "01 80 00000000 008000000000*1000000", code: 1008},
			{name: "empty ones, compressed", on: deflates, frames: "41 80 00000000 008000000000*100000", code: 1008},
			{name: "a frame in segments of a byte", do: frameByteByByte, over: []transport{webSocket, upgraded}},
		},
		elsewhere: []string{"wsproto.TestReaderFragmentFlood", "wsproto.TestFragmentsAreNotCopiedEach", "internal/echoserver.TestFragmentsAreCounted"},
	},
}

// extensions are handshakes that go well, without what they ask for.
func extensions(on kind, offers ...string) (all []row) {
	for _, offer := range offers {
		name := brief(offer)
		all = append(all, row{
			name: name, on: on, status: 101, without: "Sec-Websocket-Extensions",
			request: withHeader(starlingtest.UpgradeRequest(wsTarget), "Sec-WebSocket-Extensions: "+offer),
		})
	}
	return all
}

// manyHeaders is an upgrade whose own headers come last.
func manyHeaders(n int, target string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz-0123456789!#$%&'*+^_`|~"
	lines := make([]string, n)
	for i := range lines {
		lines[i] = letters[i%len(letters):][:1] + letters[i/len(letters)%len(letters):][:1] + ": x"
	}
	return withHeader(starlingtest.UpgradeRequest(target), lines...)
}
