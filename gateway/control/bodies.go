package control

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// This file has the bodies of requests: as structs, of which the OpenAPI document is made, and how each is read.

// names is a string or an array of strings.
type names []string

// Schema is part of huma.SchemaProvider.
func (names) Schema(huma.Registry) *huma.Schema {
	one, most := 1, TargetsMax
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeString, MinLength: &one},
		{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, MinLength: &one}, MinItems: &one, MaxItems: &most},
	}}
}

// emitBody is an event with its target.
type emitBody struct {
	Event    string            `json:"event" minLength:"1" maxLength:"255" doc:"Name of the event." example:"invoice.paid"`
	Data     json.RawMessage   `json:"data,omitempty" doc:"The event's one argument: any JSON. It is passed on as it is."`
	Args     []json.RawMessage `json:"args,omitempty" maxItems:"100" doc:"The event's arguments, instead of data."`
	Except   names             `json:"except,omitempty" doc:"Rooms and socket ids that do not get it."`
	Nsp      string            `json:"nsp,omitempty" doc:"Namespace; the first one that the server has unless it is given, usually /."`
	Volatile bool              `json:"volatile,omitempty" doc:"Clients that do not keep up may miss it."`
	To       names             `json:"to" doc:"Rooms and socket ids: whoever is in at least one of them gets the event once. * alone is everyone."`
}

// eventBody is an event whose target is said elsewhere.
type eventBody emitBody

// TransformSchema is part of huma.SchemaTransformer.
func (eventBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	delete(s.Properties, "to")
	s.Required = []string{"event"}
	return s
}

// roomsBody is who joins or leaves which rooms.
type roomsBody struct {
	In    names  `json:"in" doc:"Rooms and socket ids: the sockets that are meant."`
	Rooms names  `json:"rooms" doc:"Rooms to join or to leave."`
	Nsp   string `json:"nsp,omitempty" doc:"Namespace."`
}

// disconnectBody is who has to go.
type disconnectBody struct {
	In     names  `json:"in" doc:"Rooms and socket ids: the sockets that are meant."`
	Close  bool   `json:"close,omitempty" doc:"End their connections as well, and with them their sockets in other namespaces."`
	Reason string `json:"reason,omitempty" maxLength:"255" doc:"Why, for the server's log."`
	Nsp    string `json:"nsp,omitempty" doc:"Namespace."`
}

// onlineBody is who is asked about.
type onlineBody struct {
	Users []string `json:"users" minItems:"1" maxItems:"1000" nullable:"false" doc:"Ids of users."`
	Nsp   string   `json:"nsp,omitempty" doc:"Namespace."`
}

// batchBody is several operations at once.
type batchBody struct {
	Items []batchItem `json:"items" minItems:"1" maxItems:"1000" nullable:"false" doc:"Operations, done in this order."`
}

// batchItem is one of them: the fields are those of the operation's own body.
type batchItem struct {
	Op string `json:"op" enum:"emit,broadcast,join,leave,disconnect" doc:"The operation."`
}

// TransformSchema is part of huma.SchemaTransformer. What an item needs depends on its op.
func (batchItem) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	for _, t := range []reflect.Type{reflect.TypeFor[disconnectBody](), reflect.TypeFor[roomsBody](), reflect.TypeFor[emitBody]()} {
		maps.Copy(s.Properties, huma.SchemaFromType(r, t).Properties)
	}
	return s
}

// The fields of each body, and the places in them of those that are read the same way everywhere.
const (
	fieldEvent = iota
	fieldData
	fieldArgs
	fieldExcept
	fieldNsp
	fieldVolatile
	fieldTo
)

var (
	emitFields       = fieldsOf[emitBody]()
	eventFields      = emitFields[:fieldTo]
	roomsFields      = fieldsOf[roomsBody]()
	disconnectFields = fieldsOf[disconnectBody]()
	onlineFields     = fieldsOf[onlineBody]()
	batchFields      = fieldsOf[batchBody]()
	opFields         = []string{"op"}
)

// fieldsOf returns the names of a body's fields in JSON.
func fieldsOf[T any]() (fields []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	return fields
}

// reset empties the body and keeps its slices.
func (b *emitBody) reset() {
	*b = emitBody{Args: b.Args[:0], Except: b.Except[:0], To: b.To[:0]}
}

// read reads an event, and with withTo its target, behind reset. What b has of data and args aliases text; its slices are
// b's own.
func (b *emitBody) read(text []byte, withTo bool, op ...string) *Error {
	fields := emitFields
	if !withTo {
		fields = eventFields
	}
	if len(op) > 0 {
		fields = append(slices.Clip(fields), op...)
	}
	hasData, hasArgs := false, false
	err := decode(text, fields, fieldData, func(d *decoder, field int) (err *Error) {
		if field < len(fields)-len(op) {
			hasData = hasData || field == fieldData
			hasArgs = hasArgs || field == fieldArgs
			return b.readField(d, field)
		}
		_, err = d.raw() // the op, which is known already
		return err
	})
	switch {
	case err != nil:
		return err
	case hasData && hasArgs:
		return bad("field_conflict", "args", "an event has data, which is its one argument, or args, and not both")
	case hasData:
		b.Args = append(b.Args, b.Data)
	}
	return checkEvent(b.Event)
}

func (b *emitBody) readField(d *decoder, field int) (err *Error) {
	switch field {
	case fieldEvent:
		b.Event, err = d.str("event")
	case fieldData:
		b.Data, err = d.raw()
	case fieldArgs:
		err = d.array("args", ArgsMax, func(int) *Error {
			raw, err := d.raw()
			b.Args = append(b.Args, raw)
			return err
		})
	case fieldExcept:
		b.Except, err = d.names(b.Except, "except", TargetsMax)
	case fieldNsp:
		b.Nsp, err = d.str("nsp")
	case fieldVolatile:
		b.Volatile, err = d.boolean("volatile")
	case fieldTo:
		b.To, err = d.names(b.To, "to", TargetsMax)
	}
	return err
}

// checkEvent wants a name. Whether it is reserved the hub knows.
func checkEvent(name string) *Error {
	switch {
	case name == "":
		return bad("event_invalid", "event", "an event has a name")
	case len(name) > EventNameBytesMax:
		return bad("event_invalid", "event", "the name of an event has at most %d bytes", EventNameBytesMax)
	}
	return nil
}

func (b *roomsBody) read(text []byte, op ...string) *Error {
	return decode(text, append(slices.Clip(roomsFields), op...), -1, func(d *decoder, field int) (err *Error) {
		switch field {
		case 0:
			b.In, err = d.names(nil, "in", TargetsMax)
		case 1:
			b.Rooms, err = d.names(nil, "rooms", TargetsMax)
		case 2:
			b.Nsp, err = d.str("nsp")
		default:
			_, err = d.raw()
		}
		return err
	})
}

func (b *disconnectBody) read(text []byte, op ...string) *Error {
	err := decode(text, append(slices.Clip(disconnectFields), op...), -1, func(d *decoder, field int) (err *Error) {
		switch field {
		case 0:
			b.In, err = d.names(nil, "in", TargetsMax)
		case 1:
			b.Close, err = d.boolean("close")
		case 2:
			b.Reason, err = d.str("reason")
		case 3:
			b.Nsp, err = d.str("nsp")
		default:
			_, err = d.raw()
		}
		return err
	})
	if err == nil {
		err = checkReason(b.Reason)
	}
	return err
}

func checkReason(reason string) *Error {
	if len(reason) > ReasonBytesMax {
		return bad("field_too_long", "reason", "at most %d bytes", ReasonBytesMax)
	}
	return nil
}

func (b *onlineBody) read(text []byte) *Error {
	return decode(text, onlineFields, -1, func(d *decoder, field int) (err *Error) {
		if field == 1 {
			b.Nsp, err = d.str("nsp")
			return err
		}
		return d.array("users", UsersMax, func(i int) *Error {
			user, err := d.str(at("users", i))
			b.Users = append(b.Users, user)
			return err
		})
	})
}

// readBatch delimits the items of a batch.
func readBatch(text []byte) (items []json.RawMessage, err *Error) {
	err = decode(text, batchFields, -1, func(d *decoder, _ int) *Error {
		return d.array("items", BatchItemsMax, func(int) *Error {
			raw, err := d.raw()
			items = append(items, raw)
			return err
		})
	})
	if err == nil && len(items) == 0 {
		err = bad("field_invalid", "items", "a batch has items")
	}
	return items, err
}

// readOp finds the op of a batch's item, whatever other fields there are.
func readOp(item []byte) (op string, err *Error) {
	d := decoder{text: item}
	if d.peek() != '{' {
		return "", bad("body_invalid", "", "an item is a JSON object with an op")
	}
	d.pos++
	for d.peek() == '"' {
		name, err := d.quoted()
		if err != nil {
			return "", err
		}
		if d.peek() != ':' {
			return "", d.syntax()
		}
		d.pos++
		if string(name) == "op" {
			return d.str("op")
		}
		if _, err := d.raw(); err != nil {
			return "", err
		}
		if d.peek() == ',' {
			d.pos++
		}
	}
	return "", bad("op_unknown", "op", "an item has an op: emit, broadcast, join, leave or disconnect")
}
