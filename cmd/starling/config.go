package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"starling/gateway"
	"starling/gateway/access"
	"starling/hub"
)

// configCmd are the commands that say something of the settings of serve.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say what is wrong with the settings that serve would have here: all of it, and nothing is served."`
	Print configPrintCmd `cmd:"" help:"Print the settings that serve would have here, as a YAML file, and where each comes from."`
}

// configCheckCmd has the flags of serve.
type configCheckCmd struct{ serveFlags }

// Run tells all mistakes.
func (c *configCheckCmd) Run(std *surroundings, src *sources) error {
	if err := src.check(c); err != nil {
		return err
	}
	if err := c.try(std.err); err != nil {
		return usageError{err}
	}
	_, err := fmt.Fprintln(std.out, "the settings are right")
	return err
}

// try makes all that serve would, of the files that it would read, each part by itself, so that all that is wrong is told. Why
// no keys could be fetched is in the log.
func (c *configCheckCmd) try(log io.Writer) error {
	warnings := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := c.gatewayConfig(slog.New(slog.DiscardHandler))
	tokens, secrets := tryTokens(c.tokens(warnings)), trySecrets(cfg.WebhookSecretFiles)
	cfg.Tokens, cfg.Anonymous = nil, true
	if secrets != nil {
		cfg.Webhook, cfg.Hooks = nil, nil
	}
	return errors.Join(tokens, tryRest(cfg), secrets, c.tryOptions(cfg.Hub))
}

// tryTokens reads and fetches the keys for tokens.
func tryTokens(cfg *access.VerifierConfig) error {
	if cfg == nil {
		return nil
	}
	v, err := access.NewVerifier(context.Background(), *cfg)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.Ready(); err != nil {
		return fmt.Errorf("--jwks-url: %w", err)
	}
	return nil
}

// trySecrets reads files with secrets.
func trySecrets(files []string) error {
	var found []error
	for _, file := range files {
		_, err := access.SecretFromFile(file)
		found = append(found, err)
	}
	return errors.Join(found...)
}

// tryRest makes a gateway of what nobody else tries.
func tryRest(cfg gateway.Config) error {
	g, err := gateway.New(context.Background(), cfg)
	if err == nil {
		g.Close()
	}
	return err
}

// tryOptions has a server look at its options, on a port of this machine that nobody knows of.
func (c *configCheckCmd) tryOptions(opts hub.Options) error {
	opts.ConnectionsMax = 0 // the limit of open files that it has to fit into is another one here
	s := hub.New(opts)
	defer s.Shutdown(context.Background()) // it never served, so that there is nothing to wait for
	if err := s.Listen("127.0.0.1:0"); errors.As(err, new(*hub.OptionsError)) {
		return c.explain(err)
	}
	return nil
}

// configPrintCmd has the flags of serve.
type configPrintCmd struct{ serveFlags }

// printedWidth is where the origins begin, unless a line is longer.
const printedWidth = 44

// Run prints all settings.
func (c *configPrintCmd) Run(std *surroundings, src *sources) error {
	if err := src.check(c); err != nil {
		return err
	}
	var b bytes.Buffer
	for i, group := range groupsOf(src.node) {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "# %s\n", group.title)
		for _, flag := range group.flags {
			from, given := src.origins[flag.Name]
			if !given {
				from.kind = fromDefault
			}
			fmt.Fprintf(&b, "%-*s # %v\n", printedWidth, setting(flag), from)
		}
	}
	_, err := std.out.Write(b.Bytes())
	return err
}

// setting is the line of a flag. Where its value may not be shown the line is a comment, so that the file can be used.
func setting(flag *kong.Flag) string {
	isHidden := isSecret(flag) || isURLFlag(flag) && shownURL(flag.Target.String()) != flag.Target.String()
	if isHidden && !isNothing(flag.Target) {
		return fmt.Sprintf("# %s: %v", flag.Name, shown(flag))
	}
	return flag.Name + ": " + yamlOf(flag.Target.Interface())
}

// yamlOf is a value in YAML, on one line.
func yamlOf(value any) string {
	switch value := value.(type) {
	case string:
		return yamlString(value)
	case []string:
		texts := make([]string, len(value))
		for i, text := range value {
			texts[i] = yamlString(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case time.Duration:
		return shortly(value)
	}
	return fmt.Sprint(value)
}

// plain are texts that mean themselves in YAML, and notPlain those among them that do not, in one version of it or another.
var (
	plain    = regexp.MustCompile(`^[a-zA-Z/][a-zA-Z0-9_./-]*$`)
	notPlain = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// yamlString is a text in YAML, of which JSON strings are a part.
func yamlString(s string) string {
	if plain.MatchString(s) && !notPlain.MatchString(s) {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // texts can be encoded
	return strings.TrimSpace(b.String())
}
