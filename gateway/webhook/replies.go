package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The parsers of replies. What they return owns its bytes. They fail with ErrReply.

// parseConnectReply reads {"user","join","rooms","emit","data","ttl"}, all of them optional.
func parseConnectReply(body []byte) (ConnectReply, error) {
	var r ConnectReply
	if err := parseObject(body, &r); err != nil {
		return ConnectReply{}, err
	}
	if r.TTL < 0 || r.TTL > TTLMax {
		return ConnectReply{}, badReply(fmt.Errorf("ttl is %d, and not within 0 and %d seconds", r.TTL, TTLMax))
	}
	r.Data = nonNull(r.Data)
	return r, nil
}

// parseJoinReply reads {"allow"}. It has to be there: a backend that answers whatever it does not know with 200 must not
// have let everybody into every room.
func parseJoinReply(body []byte) error {
	var r struct {
		Allow   *bool           `json:"allow"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	switch err := parseObject(body, &r); {
	case err != nil:
		return err
	case r.Allow == nil:
		return badReply(errors.New(`a join is answered with {"allow":true} or {"allow":false}`))
	case !*r.Allow:
		return &RefusedError{r.Message, nonNull(r.Data)}
	}
	return nil
}

// parseEventReply reads {"ack":[…]}, or {"data":…} for an acknowledgement with one argument. With neither, and with an
// empty body, there is none.
func parseEventReply(body []byte) (EventReply, error) {
	if len(trimmed(body)) == 0 {
		return EventReply{}, nil
	}
	var r struct {
		Ack  []json.RawMessage `json:"ack"`
		Data json.RawMessage   `json:"data"`
	}
	switch err := parseObject(body, &r); {
	case err != nil:
		return EventReply{}, err
	case r.Ack != nil && r.Data != nil:
		return EventReply{}, badReply(errors.New("both ack and data"))
	case r.Data != nil:
		return EventReply{Ack: []json.RawMessage{r.Data}}, nil
	}
	return EventReply{Ack: r.Ack}, nil
}

// parseRefusal reads {"message","data"} of a 401 or a 403. It is a no also if it is anything else, such as the page of a
// proxy, which is no client's business.
func parseRefusal(body []byte) error {
	var r struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if parseObject(body, &r) != nil {
		return &RefusedError{}
	}
	return &RefusedError{r.Message, nonNull(r.Data)}
}

// parseObject reads one JSON object. What is in it may reach clients as it is, and bad UTF-8 would make them close the
// connection (RFC 6455 8.1).
func parseObject(body []byte, into any) error {
	if !utf8.Valid(body) {
		return badReply(errors.New("not UTF-8"))
	}
	if !bytes.HasPrefix(trimmed(body), []byte("{")) {
		return badReply(errors.New("not a JSON object"))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return badReply(err)
	}
	return nil
}

// trimmed is a text without the white space of JSON around it (RFC 8259 2).
func trimmed(body []byte) []byte { return bytes.Trim(body, " \t\r\n") }

func badReply(why error) error { return fmt.Errorf("%w: %w", ErrReply, why) }

// nonNull takes null for nothing.
func nonNull(data json.RawMessage) json.RawMessage {
	if string(data) == "null" {
		return nil
	}
	return data
}
