package starlingtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// GetRequest is a GET. Header lines are given without their line ends.
func GetRequest(target string, headers ...string) string {
	return requestHead("GET", target, headers) + "\r\n"
}

// PostRequest is a POST with a body of text, as a client that polls sends it.
func PostRequest(target, body string, headers ...string) string {
	return PostHead(target, len(body), headers...) + body
}

// PostHead is the head of a POST whose body has so many bytes.
func PostHead(target string, bodyBytes int, headers ...string) string {
	return requestHead("POST", target, headers) + "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " +
		strconv.Itoa(bodyBytes) + "\r\n\r\n"
}

func requestHead(method, target string, headers []string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n"
	for _, line := range headers {
		head += line + "\r\n"
	}
	return head
}

// Response is a whole response of the server's.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Ends   bool // the server closes behind it
}

// ReadResponse reads one response to a request that is no HEAD.
func (c *Conn) ReadResponse() (Response, error) {
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return Response{}, err
	}
	defer r.Body.Close()
	var body strings.Builder
	if _, err = io.Copy(&body, r.Body); err != nil {
		return Response{}, fmt.Errorf("in the middle of a response with %d: %w", r.StatusCode, err)
	}
	return Response{r.StatusCode, r.Header, body.String(), r.Close}, nil
}

// LastResponse reads one response, and wants the end of the connection behind it.
func (c *Conn) LastResponse() (Response, error) {
	r, err := c.ReadResponse()
	if err != nil {
		return r, err
	}
	if _, err := c.in.ReadByte(); err != io.EOF {
		return r, fmt.Errorf("behind a response with %d: %w", r.Status, errOr(err, "more bytes"))
	}
	return r, nil
}

// Reset ends the connection without a word: the server gets a reset, and what it has not read yet is lost.
func (c *Conn) Reset() error {
	if tcp, ok := c.Conn.(patient); ok {
		_ = tcp.SetLinger(0)
	}
	return c.Close()
}

// CloseWrite ends the client's half of the connection alone.
func (c *Conn) CloseWrite() error {
	if tcp, ok := c.Conn.(patient); ok {
		return tcp.CloseWrite()
	}
	return c.Close()
}
