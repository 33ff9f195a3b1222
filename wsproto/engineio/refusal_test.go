package engineio

import "testing"

func TestAppendError(t *testing.T) {
	rows := []struct {
		code    ErrorCode
		message string
		status  int
		want    string
	}{
		{UnknownTransport, "", 400, `{"code":0,"message":"Transport unknown"}`},
		{UnknownSession, "", 400, `{"code":1,"message":"Session ID unknown"}`},
		{BadHandshakeMethod, "", 400, `{"code":2,"message":"Bad handshake method"}`},
		{BadRequest, "", 400, `{"code":3,"message":"Bad request"}`},
		{Forbidden, "", 403, `{"code":4,"message":"Forbidden"}`},
		{Forbidden, "nope", 403, `{"code":4,"message":"nope"}`},
		{Forbidden, "say \"no\"\n\xff", 403, `{"code":4,"message":"say \"no\"\n` + `\ufffd"}`},
		{Forbidden, "<b>& é", 403, `{"code":4,"message":"<b>& é"}`},
		{UnsupportedProtocol, "", 400, `{"code":5,"message":"Unsupported protocol version"}`},
	}
	for _, row := range rows {
		if got := AppendError([]byte("dst:"), row.code, row.message); string(got) != "dst:"+row.want {
			t.Errorf("code %d: got %s, want %s", row.code, got, "dst:"+row.want)
		}
		if row.code.Status() != row.status {
			t.Errorf("code %d: status %d, want %d", row.code, row.code.Status(), row.status)
		}
	}
}

func TestErrorCodeOutOfRange(t *testing.T) {
	for _, code := range []ErrorCode{-1, 6, 1 << 30} {
		if code.Message() != "Bad request" || code.Status() != 400 {
			t.Errorf("code %d: %q, %d", code, code.Message(), code.Status())
		}
	}
}
