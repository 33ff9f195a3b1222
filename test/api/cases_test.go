package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Places of cases that are not checked by a test of this package. A place names a test, "hub: TestX", or a file,
// "test/client/scenarios/x.mjs"; several are separated by a semicolon.
const (
	// Why a case is not there at all.
	noList     = "none: there is one handler where the reference server has a list of listeners"
	noObject   = "none: the types are checked by the compiler"
	noClient   = "none: it is about the JavaScript client, which is not ours"
	noInside   = "none: it looks at the reference server's own fields"
	noOther    = "none: another protocol version or transport (docs/COMPATIBILITY.md)"
	noArgument = "none: arguments of an event never change on their way"
)

// testCase is something that the reference server's tests check, and where it is checked here.
type testCase struct{ what, where string }

// serverCases are those of the server itself, by the file that they are in there.
var serverCases = map[string][]testCase{
	"namespaces": {
		{"the main namespace can be reached by the server", "TestOf"},
		{"what a namespace does, the server does for its main one", noObject},
		{"operators do not change", "TestOperatorsNeverChange"},
		{"a client is let in to the main namespace by itself", "TestNamespaces"},
		{"the application is told of a socket that has connected", "TestClientsAreNotMixedUp"},
		{"the same, by the event's other name", noList},
		{"several namespaces on a connection", "TestNamespaces"},
		{"on the server a name may lack its slash, or be empty", "TestOf"},
		{"on the wire the main namespace may be named or not", "TestNamesOnTheWire"},
		{"handlers of several sockets of a namespace", "TestNamespaces"},
		{"a handler given along with the name", "none: OnConnect is the only way"},
		{"the end of a connection ends all of its sockets", "TestDisconnectInAllNamespaces"},
		{"who is about to leave its rooms is told before", "TestDisconnect"},
		{"a namespace that nobody has made", "TestNamesOnTheWire"},
		{"two clients of one namespace are two", "TestClientsAreNotMixedUp"},
		{"the sockets of a namespace", "TestFetchSockets; TestListRooms"},
		{"the sockets of a room", "TestFetchSockets"},
		{"the sockets of a namespace, whatever their rooms", "TestFetchSockets"},
		{"what is volatile is lost behind what is not", "TestVolatileIsLost"},
		{"what is volatile arrives", "TestVolatileArrives"},
		{"compression is allowed by default", "hub/internal/session: TestConversations; test/client/scenarios/compression.mjs"},
		{"compression can be switched off for a broadcast", "TestBroadcast; TestNotCompressed"},
		{"reserved names are not emitted", "TestReservedEvents"},
		{"a client that connects to no namespace", "TestConnectTimeout"},
		{"all but one socket", "TestBroadcast"},
		{"all but one socket, in a namespace", "TestBroadcast"},
		{"all but a room", "TestBroadcast"},
		{"a namespace that is new", "TestNewNamespace"},
		{"static namespaces are not cleaned up", "TestCleanupOfChildren"},
		{"names that match an expression", "TestDynamicNamespaces"},
		{"emits of a parent to a room", "TestDynamicNamespaces"},
		{"names that a function allows", "TestDynamicNamespaces"},
		{"names that no parent takes", "TestDynamicNamespaces; TestDynamicAsksInOrder"},
		{"a dynamic namespace that is new", "TestNewNamespace"},
		{"two clients ask for a new name at once", "TestDynamicAtOnce"},
		{"a child goes with its last socket", "TestCleanupOfChildren"},
		{"a child that went comes back", "TestCleanupOfChildren"},
		{"children stay if that is not wanted", "TestCleanupOfChildren"},
		{"a child stays whose only socket was refused, if cleanup is off", "TestCleanupOfChildren"},
		{"a child goes whose only socket was refused", "TestCleanupOfChildren"},
		{"a child stays while others are in it", "TestCleanupSparesOthers"},
		{"a namespace made by hand that matches a parent is its child", "TestStaticChild"},
	},
	"middleware": {
		{"all are asked", "TestMiddleware"},
		{"an error is what the client is told, and ends the asking", "TestMiddlewareRefuses"},
		{"data goes with an error", "TestMiddlewareRefuses"},
		{"the application is told afterwards, and finds what they have left", "TestSocketInMiddleware"},
		{"one that takes its time", "TestMiddlewareThatTakesItsTime"},
		{"a client that goes meanwhile", "TestClientGoneInMiddleware"},
		{"they are asked in order, and only those of the namespace", "TestMiddleware"},
		{"the first packets are not merged when there are any", "TestMiddleware"},
		{"those of a namespace do not concern another one", "TestMiddleware"},
		{"a socket is connected only behind them", "TestSocketInMiddleware"},
	},
	"socket-middleware": {
		{"all are called, and may change the event", "TestEventMiddleware; " + noArgument},
		{"an error reaches the application and not the handler", "TestEventMiddlewareRefuses"},
	},
	"socket-timeout": {
		{"no answer at all", "TestAckTimeout"},
		{"an answer that is late", "TestAckTimeout"},
		{"an answer in time", "TestAckTimeout"},
		{"no answer, for who waits in place", "TestAckTimeout"},
		{"an answer in time, for who waits in place", "TestEmitWithAck"},
	},
	"socket": {
		{"a client that connects again by hand is one client", "TestConnectionOutlivesTheSocket; test/client/scenarios/reconnect.mjs"},
		{"a client gives up once when the server is gone", noClient},
		{"events come with their arguments", "TestReceive"},
		{"events by the name of message", "TestNamesOfEvents"},
		{"null as an argument", "TestReceive"},
		{"null from the transport", "none: an attachment is always bytes"},
		{"events are sent", "TestEmit"},
		{"characters of several bytes", "TestEmit; test/client/scenarios/unicode.mjs"},
		{"bytes are sent", "TestEmit; test/client/scenarios/bytes.mjs"},
		{"arguments of many kinds are sent", "TestEmit"},
		{"bytes come", "TestReceive"},
		{"arguments of many kinds come", "TestReceive"},
		{"what is volatile is lost behind what is not, when the client polls", "TestVolatileIsLost"},
		{"the same over WebSocket", "TestVolatileIsLost; hub: TestVolatile"},
		{"what is volatile arrives, when the client polls", "TestVolatileArrives"},
		{"the same over WebSocket", "TestVolatileArrives"},
		{"of two volatile events only one, when the client polls", "TestVolatileIsLost"},
		{"the same over WebSocket", "none: the kernel takes both (TestVolatileIsLost)"},
		{"of two volatile events with bytes all or nothing", "TestVolatileArrives"},
		{"the same for a broadcast", "TestVolatileArrives"},
		{"what is not volatile arrives behind what was lost, when the client polls", "TestVolatileIsLost"},
		{"the same over WebSocket", "TestVolatileIsLost; hub: TestVolatile"},
		{"send emits message", "none: Emit is the only way"},
		{"a handler acknowledges", "TestAck"},
		{"events of a namespace come at once and in order", "TestOrderOfEvents"},
		{"the client acknowledges", "TestEmitWithAck"},
		{"a handler with arguments acknowledges", "TestAck"},
		{"the client acknowledges an event with arguments", "TestEmitWithAck"},
		{"a handler that is given bytes acknowledges", "TestAck"},
		{"the client is given bytes and acknowledges", "TestEmitWithAck"},
		{"the client acknowledges with bytes", "TestEmitWithAck"},
		{"a handler acknowledges with bytes", "TestAck"},
		{"who emits waits for the answer in place", "TestEmitWithAck"},
		{"the client, the connection and the request can be had", "TestHandshake"},
		{"the query of the request", "TestHandshake"},
		{"what a second namespace was connected to with", "TestHandshake"},
		{"a connection without a request", noOther},
		{"large JSON there and back", "TestLargeEvents"},
		{"large bytes there and back", "TestLargeEvents"},
		{"a server that closes and comes back", "test/client/scenarios/restart.mjs"},
		{"compression is allowed by default", "test/client/scenarios/compression.mjs; test/client/scenarios/deflate.mjs"},
		{"compression can be switched off for an event", "TestNotCompressed"},
		{"a binary packet of no sense", "TestOffences"},
		{"a CONNECT_ERROR from a client", "TestOffences"},
		{"a binary packet without its number of attachments", "TestOffences"},
		{"a binary packet without anything", "TestOffences"},
		{"properties that every object has", "TestHarmlessOddities; test/client/scenarios/prototype.mjs"},
		{"reserved names are not emitted", "TestReservedEvents"},
		{"packets behind a disconnection are ignored", "TestEventsAroundALeave"},
		{"a socket that was refused leaves its rooms", "TestRefusedSocketLeavesItsRooms"},
		{"a socket that is gone joins no room", "TestJoinAfterDisconnect"},
		{"several rooms are left at once", "TestRooms; TestEmptyRooms"},
		{"each event is shown", "TestOnAny; TestOnAnyBytes"},
		{"listeners for each event may be put in front", noList},
		{"listeners for each event may be removed", "TestOnAnyIsReplaced"},
		{"each event that is sent is shown", "TestOnAnyOutgoing"},
		{"broadcasts are shown", "TestOnAnyOutgoing"},
		{"broadcasts of bytes are shown", "TestOnAnyOutgoingBytes"},
		{"listeners for what is sent may be put in front", noList},
		{"listeners for what is sent may be removed", "TestOnAnyIsReplaced"},
		{"a disconnection with the connection ends all namespaces", "TestDisconnectInAllNamespaces"},
	},
	"messaging-many": {
		{"to a namespace", "TestBroadcast"},
		{"bytes to a namespace", "TestBroadcastBytes"},
		{"to all but the sender", "TestBroadcast"},
		{"to a room", "TestBroadcast; TestBroadcastFromHandlers"},
		{"to two rooms, once each", "TestBroadcast"},
		{"to a room but the sender", "TestBroadcast; TestBroadcastFromHandlers"},
		{"bytes to a room but the sender", "TestBroadcastBytes"},
		{"a socket knows its rooms", "TestRooms"},
		{"empty rooms are no rooms", "TestEmptyRooms; TestRoomEvents"},
		{"rooms that were left are left", "TestRooms"},
		{"several rooms are joined at once", "TestRooms"},
		{"but some sockets", "TestBroadcast"},
		{"but a room", "TestBroadcast"},
		{"operators of a socket do not change", "TestOperatorsNeverChange"},
		{"acknowledgements of all", "TestBroadcastAcks"},
		{"acknowledgements of some, by the time", "TestBroadcastAcksInPart"},
		{"acknowledgements of all, for who waits in place", "TestBroadcastAcks"},
		{"acknowledgements of some, for who waits in place", "TestBroadcastAcksInPart"},
		{"acknowledgements of nobody", "TestBroadcastAcks"},
		{"nothing is kept of those that are not awaited any more", "TestAcksGivenUpAreForgotten"},
		{"a broadcast is encoded once", "hub: TestABroadcastIsEncodedOnce"},
	},
	"utility-methods": {
		{"all sockets", "TestFetchSockets"},
		{"the sockets of a room", "TestFetchSockets"},
		{"the sockets that an adapter knows", "TestClusterUtilities; TestRemoteSocket"},
		{"all join a room", "TestSocketsJoinAndLeave"},
		{"those in a room join another one", "TestSocketsJoinAndLeave"},
		{"all leave a room", "TestSocketsJoinAndLeave"},
		{"those in a room leave another one", "TestSocketsJoinAndLeave"},
		{"all are disconnected", "TestDisconnectSockets"},
		{"those in a room are disconnected", "TestDisconnectSockets"},
	},
	"handshake": {
		{"CORS headers of a preflight", "hub/internal/edge: TestPreflight; test/browser/scenarios/preflight.mjs"},
		{"CORS headers of a GET", "TestOrigins; hub/internal/edge: TestListedOrigins"},
		{"the application allows a request", "TestAllowRequest"},
		{"the application refuses a request", "TestAllowRequest"},
	},
	"close": {
		{"a server that has closed has freed its port", "TestServerEnds"},
		{"the same for one that listens by itself", "TestServerEnds"},
		{"closing what does not listen", "TestServerThatDoesNotListen"},
		{"the same for who waits for it", "TestServerThatDoesNotListen"},
		{"no timer and no connection keeps the process", "TestShutdown; hub: TestShutdown; test/server: TestSIGTERM"},
		{"a second CONNECT", "TestOffences"},
		{"an EVENT before the CONNECT", "TestOffencesBeforeAConnect"},
		{"a packet of no sense", "TestOffences"},
	},
	"connection-state-recovery": {
		{"the session comes back with what was missed", "TestRecovery"},
		{"rooms and data come back", "TestRecovery"},
		{"a client comes back that has not been sent anything", "TestRecoveryWithoutAnOffset"},
		{"and has missed something", "TestRecoveryWithoutAnOffset"},
		{"an offset that is no string", "TestNoRecovery"},
		{"middleware is skipped", "TestRecoveryAndMiddleware"},
		{"middleware is not skipped if that is wanted", "TestRecoveryAndMiddleware"},
		{"a session that is unknown", "TestNoRecovery"},
		{"it is off by default", "TestRecoveryIsOff"},
		{"an adapter is not asked when it is off", "TestRecoveryIsOff"},
	},
	"server-attachment": {
		{"the browser's client is served, in each form, with its maps", "hub/internal/edge: TestBundleServes"},
		{"compressed", "hub/internal/edge: TestBundleCompressed; none: there is gzip and no brotli"},
		{"with CORS headers", "hub/internal/edge: TestBundleServes; test/browser/scenarios/bundle.mjs"},
		{"304 for who has it", "hub/internal/edge: TestBundleServes"},
		{"not at all if that is not wanted", "TestPath"},
		{"an HTTP server that is there already", "TestPath; TestServeHTTP; TestServeListener; hub: TestThereAndBack"},
		{"options that are given later", "none: they are given once, to New"},
		{"a port", "hub: TestListen"},
		{"a port that is given later", "hub: TestListen"},
	},
	"uws": {
		{"broadcasts in the main, a static and a dynamic namespace", "TestBroadcast; TestDynamicNamespaces"},
		{"bytes, and bytes that are volatile", "TestBroadcastBytes; TestVolatileArrives"},
		{"a room, two rooms, all but a room", "TestBroadcast"},
		{"a room that was joined in a middleware", "TestSocketInMiddleware; hub: TestJoinInMiddleware"},
		{"a room that was left", "TestBroadcastFromHandlers"},
		{"a client that is disconnected before it upgrades", "test/client/scenarios/upgrade-end.mjs"},
		{"files are served", "hub/internal/edge: TestBundleServes"},
	},
	"v2-compatibility": {
		{"clients of version 2", noOther},
	},
}

// beyond are cases of our own that stand among the others.
var beyond = []testCase{
	{"what cannot be encoded", "TestCannotBeEncoded"},
	{"emits and disconnections in a middleware", "TestEmitAndDisconnectInMiddleware"},
	{"an acknowledgement that is given later", "TestAckLater"},
	{"whoever waits for an acknowledgement of a client that goes", "TestAckOfAClientThatGoes; TestBroadcastAcksOfOneThatGoes"},
	{"acknowledgements of a parent's broadcast", "TestBroadcastAcksOfChildren"},
	{"middleware of events does not see acknowledgements", "TestEventMiddlewareSeesNoAcks"},
	{"handlers that are typed", "TestTypedHandlers"},
	{"handlers that wait for what the server does", "TestHandlersMayAskForAnything"},
	{"heartbeats that are not answered", "TestPingTimeout"},
	{"what is emitted before a disconnection", "TestEmitsBeforeADisconnect"},
	{"recovery of what broke, by reason, over and over, before the break, of children, and its end", "TestRecoveryOfTheLast; TestRecoveryByReason; " +
		"TestRecoveryOverAndOver; TestRecoveryBeforeTheBreak; TestRecoveryOfChildren; TestRecoveryExpires; TestRecoveryExpiresByRefusal"},
	{"recovery while events come, in two namespaces, and what is new about the socket", "TestRecoveryUnderWay; TestRecoveryByMany; TestRecoveryOfTwoNamespaces; TestRecoveredSocket"},
	{"what is done with the sockets of all children", "TestParentUtilities"},
	{"what a socket that is gone says to others", "TestGoodbye"},
	{"children that go while others come", "TestCleanupWhileOthersCome"},
	{"which events have an offset, and who sees it", "TestOffsets; TestOnAnyOutgoingShowsNoOffset"},
	{"a handshake that is forgotten", "TestForgetHandshake"},
}

// places are the tests and files that a case names.
func (c testCase) places() []string {
	var places []string
	for place := range strings.SplitSeq(c.where, "; ") {
		if !strings.HasPrefix(place, "none: ") {
			places = append(places, place)
		}
	}
	return places
}

// testFuncs are the names of the tests in a folder of the module.
func testFuncs(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", folder, err)
	}
	found := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
			found[string(m[1])] = true
		}
	}
	return found
}

// TestCases: whatever the tables name is there, and each test of this package stands in them.
func TestCases(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]bool{}
	named := map[string]bool{"TestMain": true, "TestCases": true}
	check := func(section string, c testCase) {
		if c.where == "" {
			t.Errorf("%s: %s: no place", section, c.what)
		}
		for _, place := range c.places() {
			folder, name, elsewhere := strings.Cut(place, ": ")
			switch {
			case !elsewhere && !strings.HasPrefix(place, "Test"):
				if _, err := os.Stat(filepath.Join("../..", place)); err != nil {
					t.Errorf("%s: %s: %v", section, c.what, err)
				}
				continue
			case !elsewhere:
				folder, name = "test/api", place
				named[name] = true
			}
			if tests[folder] == nil {
				tests[folder] = testFuncs(t, folder)
			}
			if !tests[folder][name] {
				t.Errorf("%s: %s: there is no %s in %s", section, c.what, name, folder)
			}
		}
	}
	for _, table := range []map[string][]testCase{serverCases, libraryCases, {"beyond": beyond}} {
		for section, cases := range table {
			for _, c := range cases {
				check(section, c)
			}
		}
	}
	for name := range testFuncs(t, "test/api") {
		if !named[name] {
			t.Errorf("%s stands in no table of cases", name)
		}
	}
}
