package control

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// rewrite makes what the API says of itself what is expected:
//
//	go test ./gateway/control -run TestOpenAPI -rewrite
var rewrite = flag.Bool("rewrite", false, "make the OpenAPI document what is expected")

// document is the document of an API that has everything.
func document(t *testing.T) (text []byte, doc map[string]any) {
	t.Helper()
	s := newSystem(t, func(c *Config) {
		c.Drain, c.Metrics, c.Pprof, c.Version = func(time.Duration) {}, http.NotFoundHandler(), true, "1.0.0"
	})
	r := s.ask(t, "", "GET", "/openapi.json", "")
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("replied %d %v", r.status, r.header)
	}
	text = []byte(r.body + "\n")
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return text, doc
}

// TestOpenAPI holds the document against the one in testdata: who changes the API sees what others will see of it.
func TestOpenAPI(t *testing.T) {
	const golden = "testdata/openapi.json"
	text, _ := document(t)
	if *rewrite {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("the document is not %s: look at the difference, and run with -rewrite if it should be as it is", golden)
	}
}

// TestOpenAPIIsWhole: each operation says what it needs, what it takes, and how it may end.
func TestOpenAPIIsWhole(t *testing.T) {
	_, doc := document(t)
	if v := doc["openapi"]; v != "3.1.0" {
		t.Errorf("openapi is %v", v)
	}
	scheme := dig(t, doc, "components", "securitySchemes", "key").(map[string]any)
	if scheme["type"] != "http" || scheme["scheme"] != "bearer" {
		t.Errorf("the security scheme is %v", scheme)
	}
	seen := map[string]bool{}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			op := op.(map[string]any)
			id := fmt.Sprint(op["operationId"])
			if seen[id] || id == "" {
				t.Errorf("%s %s has the operationId %q", method, path, id)
			}
			seen[id] = true
			t.Run(id, func(t *testing.T) { checkOperation(t, doc, method, path, op) })
		}
	}
	if len(seen) != 28 {
		t.Errorf("there are %d operations", len(seen))
	}
	checkRefs(t, doc, doc)
}

func checkOperation(t *testing.T, doc map[string]any, method, path string, op map[string]any) {
	if op["summary"] == nil || op["tags"] == nil {
		t.Error("it has no summary, or no tag")
	}
	responses := op["responses"].(map[string]any)
	want := []string{"400", "500"}
	isOpen := slices.Contains([]string{"health", "ready", "openapi"}, op["operationId"].(string))
	if isOpen != (op["security"] == nil) {
		t.Errorf("its security is %v", op["security"])
	}
	if !isOpen {
		want = append(want, "401", "403", "429", "503")
		for _, s := range op["security"].([]any) {
			if scopes := s.(map[string]any)["key"].([]any); len(scopes) != 1 || !slices.Contains(scopes2(), scopes[0].(string)) {
				t.Errorf("its security is %v", op["security"])
			}
		}
	}
	if method == "post" && op["operationId"] != "drain" {
		want = append(want, "408", "413", "415")
		if body := dig(t, op, "requestBody", "content", "application/json", "schema").(map[string]any); body["$ref"] == nil {
			t.Errorf("its body is %v", body)
		}
	}
	if method != "get" {
		want = append(want, "409")
	}
	for _, status := range want {
		if responses[status] == nil {
			t.Errorf("it has no response %s", status)
		}
	}
	for status, response := range responses {
		response := response.(map[string]any)
		if ref, _ := response["$ref"].(string); ref != "" {
			response = dig(t, doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any)
		}
		checkResponse(t, status, response)
	}
	if responses["200"] == nil && responses["204"] == nil || responses["422"] != nil {
		t.Errorf("its responses are %v", responses)
	}
	checkPathParameters(t, path, op)
}

func scopes2() (all []string) {
	for _, s := range scopes {
		all = append(all, string(s))
	}
	return all
}

// checkResponse wants the one shape of errors, and for those that pass when it may be tried again.
func checkResponse(t *testing.T, status string, response map[string]any) {
	if response["description"] == "" {
		t.Errorf("%s has no description", status)
	}
	if status < "400" {
		return
	}
	if ref := dig(t, response, "content", "application/json", "schema", "$ref"); ref != "#/components/schemas/ErrorReply" {
		t.Errorf("%s has the schema %v", status, ref)
	}
	headers, _ := response["headers"].(map[string]any)
	if (status == "429" || status == "503") != (headers["Retry-After"] != nil) {
		t.Errorf("%s has the headers %v", status, headers)
	}
}

func checkPathParameters(t *testing.T, path string, op map[string]any) {
	var declared []string
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		if p["in"] == "path" {
			declared = append(declared, "{"+p["name"].(string)+"}")
			if p["required"] != true {
				t.Errorf("%v is not required", p["name"])
			}
		}
		if p["schema"] == nil || p["description"] == nil {
			t.Errorf("%v has no schema, or no description", p["name"])
		}
	}
	named := regexp.MustCompile(`\{[a-z]+\}`).FindAllString(path, -1)
	slices.Sort(declared)
	slices.Sort(named)
	if !slices.Equal(declared, named) {
		t.Errorf("%s declares %v", path, declared)
	}
}

// checkRefs follows each reference.
func checkRefs(t *testing.T, doc, at any) {
	switch at := at.(type) {
	case map[string]any:
		if ref, ok := at["$ref"].(string); ok {
			dig(t, doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		for _, v := range at {
			checkRefs(t, doc, v)
		}
	case []any:
		for _, v := range at {
			checkRefs(t, doc, v)
		}
	}
}

func dig(t *testing.T, at any, path ...string) any {
	t.Helper()
	for _, name := range path {
		m, ok := at.(map[string]any)
		if !ok || m[name] == nil {
			t.Fatalf("there is no %s", strings.Join(path, "/"))
		}
		at = m[name]
	}
	return at
}

// TestOpenAPIOfLess: what the API does not have is not in its document.
func TestOpenAPIOfLess(t *testing.T) {
	s := newSystem(t, nil)
	r := s.ask(t, "", "GET", "/openapi.json", "")
	for _, path := range []string{"/v1/drain", "/metrics", "/debug/pprof/"} {
		if strings.Contains(r.body, `"`+path+`"`) {
			t.Errorf("%s is in the document", path)
		}
	}
}
