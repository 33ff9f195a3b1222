package advisories_test

import (
	"fmt"
	"slices"
	"strings"

	"starling/internal/starlingtest"
)

const (
	unknownTransport = `{"code":0,"message":"Transport unknown"}`
	unknownSession   = `{"code":1,"message":"Session ID unknown"}`
)

// attachment is a placeholder as it should be.
const attachment = `{"_placeholder":true,"num":0}`

// ends are rows of messages each of which ends a session in the main namespace.
func ends(messages ...[]string) (all []row) {
	for _, m := range messages {
		name := brief(m[0])
		all = append(all, row{name: name, messages: m, code: 1005})
	}
	return all
}

// brief is a name for an input of any length.
func brief(input string) string {
	if len(input) <= 60 {
		return input
	}
	return fmt.Sprintf("%.30s… of %d bytes, …%s", input, len(input), input[len(input)-10:])
}

// events are events, each of which alone ends a session.
func events(all ...string) []row {
	messages := make([][]string, len(all))
	for i, e := range all {
		messages[i] = []string{e}
	}
	return ends(messages...)
}

// ofTheReference are those of engine.io, socket.io, socket.io-parser and their Python counterparts.
var ofTheReference = []advisory{
	{
		id:    "CVE-2017-16031, GHSA-qv2v-m59f-v5fw",
		fault: "ids of sockets that can be guessed",
		rows:  []row{{name: "ids of three clients", do: idsDiffer, over: everyWay}},
		elsewhere: []string{
			"hub/internal/session.TestIDs", "hub/internal/session.TestIDsAreFullyRandom", "hub/internal/session.TestRandomnessThatFailsIsNotPassedOver",
		},
	},
	{
		id:    "CVE-2020-28481, GHSA-fxwf-4rqh-v8g3",
		fault: "pages of every origin may use a session",
		rows: slices.Concat(
			requests("a session of another origin's", "EIO=4&transport=polling", 403, "", "Origin: https://evil.example")[:1],
			requests("a session of another origin's", "EIO=4&transport=websocket", 403, "", "Origin: https://evil.example")[2:],
			requests("somebody's session", "EIO=4&transport=polling&sid=SID", 403, "", "Origin: https://evil.example")[:2],
			requests("somebody's session", "EIO=4&transport=websocket&sid=SID", 403, "", "Origin: https://evil.example")[2:],
			[]row{{
				name: "a preflight", status: 403, without: "Access-Control-Allow-Origin",
				request: "OPTIONS " + pollTarget + " HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n",
			}},
		),
		elsewhere: []string{
			"test/server.TestAbuse/forbidden origins", "test/server.TestWrongValues", "hub/internal/edge.TestSameOriginOnly",
			"hub/internal/edge.TestEveryOrigin", "hub/internal/edge.TestPreflight",
		},
	},
	{
		id:    "CVE-2020-36048, GHSA-j4f2-536g-r55m",
		fault: "a body of very many packets, each of them worth an answer",
		rows: slices.Concat(
			ends(
				slices.Repeat([]string{"42"}, 9_999), slices.Repeat([]string{"2"}, 9_999),
				[]string{strings.Repeat("2:42", 200_000)}, []string{strings.Repeat("1:2", 300_000)},
			),
			[]row{
				{name: "2:4¼ without end, and a body's worth of nothing", messages: []string{strings.Repeat("2:4¼", 180_000)}, code: 1005},
				{name: "100 MB", request: starlingtest.PostHead(pollTarget+"&sid=SID", 100_000_000), status: 413},
				{name: "version 3", request: starlingtest.GetRequest("/socket.io/?EIO=3&transport=polling"), status: 400, body: `{"code":5,"message":"Unsupported protocol version"}`},
			},
		),
		elsewhere: []string{"test/server.TestAbuse/bodies of many packets", "test/server.TestAbuse/answers that nobody fetches", "wsproto/engineio.TestPayloadNext"},
	},
	{
		id:    "CVE-2020-36049, GHSA-xfhh-g9f5-x4m4",
		fault: "a number of a million digits, read in quadratic time",
		rows: events(
			"99999991:4"+strings.Repeat("2", 900_000), "4"+strings.Repeat("2", 999_999), "45"+strings.Repeat("2", 999_998),
			"42"+strings.Repeat("2", 999_000)+`["a"]`, "43"+strings.Repeat("2", 999_000)+"[]", "45"+strings.Repeat("2", 999_000)+`-["a"]`,
		),
		elsewhere: []string{"test/server.TestAbuse/bodies of many packets", "hub.TestOffences", "wsproto/socketio.TestParseRefuses"},
	},
	{
		id:    "CVE-2022-21676, GHSA-273r-mgr4-v34f",
		fault: "an error of a WebSocket before anybody listens for errors",
		rows: []row{
			{name: "text in the place of frames", do: textBehindAnUpgrade, over: []transport{webSocket, upgraded}},
			{name: "frames in one piece with the request, as they should be", do: framesBehindAnUpgrade, over: []transport{webSocket, upgraded}},
		},
		elsewhere: []string{"test/server.TestAbuse/random bytes", "wsproto.TestUpgradeOfTheUnforeseen"},
	},
	{
		id:    "CVE-2022-2421, GHSA-qm95-pgcg-qqfq",
		fault: "a placeholder that names no attachment",
		rows: slices.Concat(placeholders(
			`{"_placeholder":true,"num":"splice"}`, `{"_placeholder":true,"num":"0"}`, `{"_placeholder":true,"num":1}`, `{"_placeholder":true,"num":-1}`,
			`{"_placeholder":true,"num":0.5}`, `{"_placeholder":true,"num":1e9}`, `{"_placeholder":true,"num":null}`, `{"_placeholder":true}`,
			`{"_placeholder":true,"num":[0]}`, `{"_placeholder":true,"num":18446744073709551616}`, `{"_placeholder":"true","num":0}`,
		), []row{
			{name: "text where an attachment must come", messages: []string{`451-["a",` + attachment + `]`, `42["a"]`}, code: 1005},
			{name: "an attachment of nothing", messages: []string{"<bin 01>"}, code: 1005},
			{name: "an attachment too many", messages: []string{`451-["nobody",` + attachment + `]`, "<bin 01>", "<bin 01>"}, code: 1005},
		}),
		elsewhere: []string{"hub.TestOffences", "test/api.TestOffences", "wsproto/socketio.TestPlaceholderLookalikes"},
	},
	{
		id:        "CVE-2022-41940, GHSA-r7qp-cfhv-p84w",
		fault:     "a reset before an upgrade is refused",
		elsewhere: []string{"test/server.TestAbuse/upgrades to HTTP/2, and a reset"},
	},
	{
		id:    "CVE-2023-31125, GHSA-q9mw-68c2-j6m5",
		fault: "the error with code 0 taken for none",
		rows: slices.Concat(
			requests("__proto__", "EIO=4&transport=__proto__", 400, ""), requests("constructor", "EIO=4&transport=constructor", 400, ""),
			requests("toString", "EIO=4&transport=toString", 400, ""), requests("nothing", "EIO=4&transport=", 400, ""), requests("no transport", "EIO=4", 400, ""),
			requests("two that are none", "EIO=4&transport=__proto__&transport=constructor", 400, ""),
			requests("polling and something else", "EIO=4&transport=polling&transport=__proto__", 400, ""),
			requests("something else and polling, of which the last one counts", "EIO=4&transport=__proto__&transport=polling", 200, "")[:1],
			requests("something else and polling, of which the last one counts", "EIO=4&transport=__proto__&transport=polling", 400, "")[1:],
			requests("of a session", "EIO=4&transport=__proto__&sid=SID", 400, ""),
			requests("in the words of the error", "EIO=4&transport=__proto__", 400, unknownTransport)[:2],
		),
		elsewhere: []string{"hub.TestHTTPProbes/upgrade unknown transport"},
	},
	{
		id:    "CVE-2023-32695, GHSA-cqmj-92xf-r6r9",
		fault: "an event whose name is no string, or is one that the library itself emits",
		rows: slices.Concat(events(
			`42[{"toString":"foo"}]`, `42[true,"foo"]`, `42[null,"bar"]`, `42[]`, `42{}`, `42"x"`, `42`, `42[["x"]]`, `42["connect"]`, `42["disconnect","123"]`,
			`42["connect_error"]`, `42["newListener"]`, `42["removeListener"]`, `42["disconnecting"]`, `421["connect"]`, `42["\u0063onnect"]`,
		), []row{{name: "a number, which is fine", messages: []string{`42[1,"x"]`}}}),
		elsewhere: []string{"hub.TestOffences", "hub.TestReservedNames", "test/api.TestOffences"},
	},
	{
		id:    "CVE-2024-38355, GHSA-25hc-qcg6-38wj",
		fault: "the event error, which nobody handles",
		rows: []row{
			{name: "error", messages: []string{`42["error",{"x":1}]`}},
			{name: "error with an acknowledgement wanted", messages: []string{`427["error",{"x":1}]`}},
			{name: "error with an attachment", messages: []string{`451-["error",` + attachment + `]`, "<bin 01>"}},
		},
		elsewhere: []string{"hub.TestHarmlessOddities"},
	},
	{
		id:    "CVE-2026-33151, GHSA-677m-j7p3-52f9",
		fault: "as many attachments as the client says",
		rows: slices.Concat(events(
			`45999999999-["a",`+attachment+`]`, `4511-["a"]`, `455-1-["a"]`, `4551.5-["a"]`, `455-`, `4551`, `4553-`, `45-["a"]`, `450-["a"]`,
		), []row{
			{name: "bytes behind what was refused", messages: slices.Concat([]string{`45999999999-["a",` + attachment + `]`}, slices.Repeat([]string{"<bin 00*100>"}, 1000)), code: 1005},
			{name: "ten, which is fine", messages: slices.Concat([]string{`4510-["nobody",` + attachment + `]`}, slices.Repeat([]string{"<bin 01>"}, 10))},
			{name: "more bytes in all than fit", over: []transport{webSocket, upgraded}, messages: slices.Concat(
				[]string{`4510-["nobody",` + attachment + `]`}, slices.Repeat([]string{"<bin 00*999999>"}, 10)), code: 1005},
			{name: "more bytes in all than fit, one POST after the other", do: attachmentsInManyBodies, over: []transport{polling}},
			{name: "attachments that never come", on: alone, do: attachmentsThatNeverCome, over: together},
		}),
		elsewhere: []string{"hub.TestOffences", "hub.TestAttachmentsTime", "wsproto/socketio.TestDecoderLimitsAreExact", "wsproto/socketio.TestDecoderHeaderCanBeRefused"},
	},
	{
		id:    "CVE-2026-59725, GHSA-r635-g3xr-vw7x",
		fault: "a POST that is refused, and never answered",
		rows: []row{{
			name: "binary bodies of a hundred sessions", do: refusedBodies, over: []transport{polling},
		}},
		elsewhere: []string{"test/server.TestAbuse/requests that end their connection", "hub.TestHTTPProbes/POST octet-stream"},
	},
	{
		id:    "GHSA-gr94-w7qr-f4j3",
		fault: "ids of sessions that a prototype has (there by WebTransport, which there is none of here)",
		rows: slices.Concat(
			requests("__proto__", "EIO=4&transport=polling&sid=__proto__", 400, unknownSession)[:2], requests("__proto__", "EIO=4&transport=websocket&sid=__proto__", 400, "")[2:],
			requests("20 times 1", "EIO=4&transport=polling&sid=11111111111111111111", 400, unknownSession)[:2],
			requests("20 times 1", "EIO=4&transport=websocket&sid=11111111111111111111", 400, "")[2:],
			requests("line ends", "EIO=4&transport=polling&sid=x%0d%0ay", 400, unknownSession)[:2], requests("line ends", "EIO=4&transport=websocket&sid=x%0d%0ay", 400, "")[2:],
			requests("1 MB", "EIO=4&transport=polling&sid="+strings.Repeat("1", 1_000_000), 431, ""),
			requests("webtransport", "EIO=4&transport=webtransport", 400, ""), requests("webtransport of a session", "EIO=4&transport=webtransport&sid=SID", 400, ""),
			[]row{{name: "a packet of WebTransport", messages: []string{`0{"sid":"__proto__"}`}}},
		),
		elsewhere: []string{"test/server.TestAbuse/unknown sessions", "test/server.TestAbuse/line ends in what is repeated"},
	},
	{
		id:    "socket.io d1f5aa93",
		fault: "one transport whose clients nobody asks who they are",
		rows: []row{
			{name: "middleware", do: middlewareRefuses, over: everyWay},
			{name: "tokens", on: alone, do: gatewayRefuses, over: everyWay},
		},
		elsewhere: []string{"hub.TestAllowRequest", "hub.TestHandshakeOfASessionThatPolls", "test/api.TestAllowRequest", "gateway.TestWhoMayConnect"},
	},
	{
		id:    "socket.io d5095fe9",
		fault: "a session that goes over to a WebSocket twice",
		rows: []row{
			{name: "one after the other", do: upgradeTwice, over: []transport{upgraded}},
			{name: "two at once", do: upgradeAtOnce, over: []transport{polling}},
			{name: "a session that began so", do: upgradeOfAWebSocket, over: []transport{webSocket}},
		},
		elsewhere: []string{"test/server.TestUpgrades", "hub/internal/session.TestConversations"},
	},
	{
		id:        "socket.io 22d4bdf0, socket.io f2231787",
		fault:     "packets handled, and rooms joined, behind a disconnect",
		rows:      []row{{name: "events behind a DISCONNECT", do: eventsBehindADisconnect, over: everyWay}},
		elsewhere: []string{"hub.TestJoinAfterDisconnect", "test/api.TestJoinAfterDisconnect", "test/api.TestEventsAroundALeave", "hub.TestPacketsBehindALeave"},
	},
	{
		id:        "socket.io 37aad114",
		fault:     "acknowledgements of broadcasts that are waited for without end",
		elsewhere: []string{"test/api.TestAcksGivenUpAreForgotten", "test/api.TestBroadcastAcksInPart", "hub.TestAcksPendingMax"},
	},
	{
		id:        "socket.io-parser e77fc4c3",
		fault:     "a count of attachments without an end, read for ever",
		rows:      events("451", "45", "45/", "451/", "4510", "46", "461", "46/"),
		elsewhere: []string{"hub.TestOffences", "wsproto/socketio.TestParseRefuses"},
	},
	{
		id:        "GHSA-pxg6-pf52-xh8x",
		fault:     "a cookie's name that goes on as another header",
		rows:      []row{{name: "names that are none", on: alone, do: cookieNames, over: together}},
		elsewhere: []string{"hub/internal/edge.TestCheckCookieRefuses", "hub/internal/edge.TestCheckCookieBytes", "test/server.TestWrongValues"},
	},
	{
		id:        "CVE-2026-48802",
		fault:     "a ping task for each pong, and bodies read for sessions that there are not",
		rows:      []row{{name: "100,000 pongs", on: alone, do: pongs, over: together}},
		elsewhere: []string{"test/server.TestAbuse/large bodies for unknown sessions", "hub/internal/session.TestFirstPing"},
	},
	{
		id:    "CVE-2026-48804",
		fault: "attachments gathered for a namespace that the client is not in",
		rows: []row{
			{name: "of another namespace", messages: []string{`451-/nope,["a",` + attachment + `]`}, code: 1005},
			{name: "of another namespace, before any", unjoined: true, messages: []string{`451-/nope,["a",` + attachment + `]`}, code: 1005},
			{name: "of the main one", unjoined: true, messages: []string{`451-["a",` + attachment + `]`}, code: 1005},
			{name: "acknowledgements", unjoined: true, messages: []string{`461-/nope,1[` + attachment + `]`}, code: 1005},
			{name: "with the attachment", unjoined: true, messages: []string{`451-/nope,["a",` + attachment + `]`, "<bin 00*40000>"}, code: 1005},
		},
		elsewhere: []string{"hub.TestOffences", "test/api.TestOffencesBeforeAConnect", "wsproto/socketio.TestDecoderHeaderCanBeRefused"},
	},
	{
		id:     "python-socketio 1502",
		fault:  "what comes from a broker taken for a program",
		reason: "no server here listens to a broker: the nodes of a cluster share a process (hub/cluster/loopback) and pass on typed values, not bytes that somebody decodes",
	},
}

// placeholders are packets with one attachment and a placeholder that is not its.
func placeholders(all ...string) []row {
	messages := make([][]string, len(all))
	for i, p := range all {
		messages[i] = []string{`451-["a",` + p + `]`, "<bin 01>"}
	}
	return ends(messages...)
}
