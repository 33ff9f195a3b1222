package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// This file is all that the package knows of huma, which finds the operation of a path, reads the parameters, encodes the
// replies, and makes the OpenAPI document of the types of all of them. Bodies are not its business: see decode.go.

// newHuma makes huma's side of the API.
func (a *API) newHuma(mux humago.Mux) huma.API {
	config := huma.DefaultConfig("Starling control API", a.cfg.Version)
	if a.cfg.Version == "" {
		config.Info.Version = "unversioned"
	}
	config.Info.Description = "Reaches the clients of a Starling server: rooms, sockets, users, and everyone."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // they add "$schema" to replies
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{transform}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		securityName: {Type: "http", Scheme: "bearer", Description: "An API key. The operation says which scope it needs."},
	}
	return humago.New(mux, config)
}

// securityName is what the document calls the keys.
const securityName = "key"

// router takes from huma what it would give to the mux, and puts the route around it.
type router struct {
	*http.ServeMux
	api *API
	op  operation // that is being registered
}

// HandleFunc is part of humago.Mux.
func (r *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, &route{api: r.api, op: r.op, do: handler})
}

// transform makes the one shape of errors of all of them, huma's own included.
func transform(ctx huma.Context, _ string, v any) (any, error) {
	id := requestID(ctx.Context())
	switch v := v.(type) {
	case *told:
		return v.e.reply(id), nil
	case *huma.ErrorModel:
		return parameterError(v).reply(id), nil
	}
	return v, nil
}

// told is an Error as huma wants it: with its headers.
type told struct{ e *Error }

func (t *told) Error() string { return t.e.Message }

// GetStatus is part of huma.StatusError.
func (t *told) GetStatus() int { return t.e.Status }

// GetHeaders is part of huma.HeadersError.
func (t *told) GetHeaders() http.Header {
	h := http.Header{}
	t.e.tell(h)
	return h
}

// parameterError says what huma has found wrong with the parameters, which are all that it reads.
func parameterError(m *huma.ErrorModel) *Error {
	if len(m.Errors) == 0 {
		return bad("parameter_invalid", "", "%s", m.Detail)
	}
	first := m.Errors[0]
	_, field, _ := strings.Cut(first.Location, ".")
	if first.Message == "unknown query parameter" {
		return bad("parameter_unknown", clip(field), "there is no such parameter here")
	}
	return bad("parameter_invalid", field, "%s", first.Message)
}

// output is a reply with a body.
type output[T any] struct{ Body T }

// empty is a reply without one.
type empty struct{}

// add registers an operation: its parameters are the tagged fields of I, and its reply is O.
func add[I, O any](r *router, op operation, do func(ctx context.Context, c *call, in *I) (*O, error)) {
	r.op = op
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.description,
		Tags: []string{op.tag}, DefaultStatus: op.success, Responses: map[string]*huma.Response{}, Security: op.security(),
	}
	for _, status := range op.statuses() {
		described.Responses[strconv.Itoa(status)] = errorResponse(r.api.huma, status)
	}
	if op.emits {
		described.Parameters = append(described.Parameters, header("X-Socket-Id", "Id of a socket that does not get the event."))
	}
	if op.changes() && len(op.scopes) > 0 {
		described.Parameters = append(described.Parameters, header("Idempotency-Key",
			"For 5 minutes, a request with the same key has the same reply and is not done again."))
	}
	huma.Register(r.api.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, callOf(ctx), in)
		if err != nil {
			return nil, &told{e: r.api.asError(ctx, err)}
		}
		return out, nil
	})
	r.describeBody(op)
}

func header(name, text string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func (o *operation) security() []map[string][]string {
	var any []map[string][]string
	for _, s := range o.scopes {
		any = append(any, map[string][]string{securityName: {string(s)}})
	}
	return any
}

// statuses are those of the operation's errors.
func (o *operation) statuses() []int {
	all := append([]int{http.StatusBadRequest, http.StatusInternalServerError}, o.errors...)
	if len(o.scopes) > 0 {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
		if o.changes() {
			all = append(all, http.StatusConflict)
		}
	}
	if o.body != nil {
		all = append(all, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// errorResponse describes an error of a status, once for all operations.
func errorResponse(api huma.API, status int) *huma.Response {
	components := api.OpenAPI().Components
	if components.Responses == nil {
		components.Responses = map[string]*huma.Response{}
	}
	name := "Error" + strconv.Itoa(status)
	if components.Responses[name] == nil {
		schema := components.Schemas.Schema(reflect.TypeFor[errorReply](), true, "Error")
		response := &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = map[string]*huma.Header{"Retry-After": {
				Description: "Seconds after which it may be tried again.", Schema: &huma.Schema{Type: huma.TypeInteger},
			}}
		}
		components.Responses[name] = response
	}
	return &huma.Response{Ref: "#/components/responses/" + name}
}

// describeBody adds the body to the document, behind huma's back: it would read it otherwise.
func (r *router) describeBody(op operation) {
	if op.body == nil {
		return
	}
	doc := r.api.huma.OpenAPI()
	schema := doc.Components.Schemas.Schema(reflect.TypeOf(op.body), true, op.id)
	content := map[string]*huma.MediaType{"application/json": {Schema: schema}}
	described := doc.Paths[op.path].Post
	if op.id == opEmit {
		content[typeNDJSON] = &huma.MediaType{Schema: &huma.Schema{
			Type: huma.TypeString, Description: "A stream of lines, each a body of its own.",
		}}
		described.Responses["200"].Content[typeNDJSON] = &huma.MediaType{Schema: &huma.Schema{
			Type: huma.TypeString, Description: "A line for each line, in the same order: a status, and the reply or the error.",
		}}
	}
	described.RequestBody = &huma.RequestBody{Required: true, Content: content}
}

// describe adds an operation to the document that huma has no part in.
func (r *router) describe(op operation, contentType, text string) {
	responses := map[string]*huma.Response{"200": {
		Description: text, Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{}}},
	}}
	for _, status := range op.statuses() {
		responses[strconv.Itoa(status)] = errorResponse(r.api.huma, status)
	}
	r.api.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.description,
		Tags: []string{op.tag}, Responses: responses, Security: op.security(),
	})
}

// publish makes the document. Requests have no further fields than it says; replies may get some with time.
func (a *API) publish() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // of huma's own errors, which nobody gets to see
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		if !strings.HasSuffix(name, "Body") && name != "BatchItem" || name == "ErrorBody" {
			schema.AdditionalProperties = nil
		}
	}
	document, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(errors.Join(errors.New("control: the OpenAPI document has no JSON"), err))
	}
	a.document = append(document, '\n')
}
