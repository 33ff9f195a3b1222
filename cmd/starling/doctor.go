package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/term"

	"starling/internal/doctor"
)

// doctorCmd says what a machine lacks.
type doctorCmd struct {
	Conns  int           `default:"10000" help:"Connections that the machine is to hold."`
	Config string        `placeholder:"FILE" help:"YAML file of settings that serve will have, as its --config. Without one, and in what the file does not say, the environment counts as with serve."`
	URL    string        `name:"url" placeholder:"URL" help:"Public address of the server: connects through the proxies in front of it, which has to work."`
	Token  string        `placeholder:"TOKEN" help:"Token for that trial, of starling token, so that it also is in a namespace."`
	Slow   bool          `help:"Leave a connection of that trial alone for the time of a heartbeat, to see whether a proxy cuts it."`
	Watch  time.Duration `default:"0s" help:"Time to watch what the kernel counts as lost, within 0s and 1h. 0 takes one look."`
	JSON   bool          `name:"json" help:"Print the report as one JSON object."`
	Quiet  bool          `help:"Print nothing that is in order."`
}

// Run makes the checks and prints what they have found. It fails if the machine is not fit.
func (c *doctorCmd) Run(std *surroundings) error {
	if err := c.check(); err != nil {
		return usageError{err}
	}
	set, err := c.settings(std.environ)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return c.report(doctor.Run(ctx, set, doctor.ThisSystem()), std.out)
}

// check holds the flags against what they take.
func (c *doctorCmd) check() error {
	for _, f := range []struct {
		name  string
		value any
		rule  rule
	}{
		{"conns", c.Conns, within(1, countMax)},
		{"watch", c.Watch, during(0, time.Hour)},
	} {
		if !f.rule.ok(f.value) {
			return relation{false, f.name, f.value, f.rule.want}.mistake()
		}
	}
	if c.URL != "" && !isURL(c.URL) {
		return relation{false, "url", shownURL(c.URL), "be an http or https URL"}.mistake()
	}
	return nil
}

// settings are what serve would be started with here. What it lacks to be started is none of the doctor's business.
func (c *doctorCmd) settings(environ []string) (doctor.Settings, error) {
	var args []string
	if c.Config != "" { // else it would count more than STARLING_CONFIG
		args = []string{"--" + configFlag + "=" + c.Config}
	}
	s, src, err := settingsOf(environ, args...)
	if err != nil {
		return doctor.Settings{}, err
	}
	set := doctor.Settings{
		Connections: c.Conns, URL: c.URL, Token: c.Token, Slow: c.Slow, Watch: c.Watch, Hold: s.PingInterval + s.PingTimeout + holdMore,
		Addr: s.Addr, Path: s.Path, APIAddr: s.APIAddr, APIKeys: len(s.APIKeys) > 0 || s.APIKeyFile != "", Dev: s.Dev,
		Origins: s.Origins, Cookies: s.Credentials || s.Cookie != "",
		MemoryMax: s.MemoryMax, OutboundPerConnMax: int64(s.OutboundPerConnMax), OutboundMax: int64(s.OutboundMax),
	}
	if s.Recovery > 0 {
		set.RecoveryMax = int64(s.RecoveryMax) * int64(len(s.Namespaces))
	}
	return set, src.wrong()
}

// holdMore is how much longer than a heartbeat the trial leaves a connection alone.
const holdMore = 5 * time.Second

// settingsOf are the settings that serve would have with these flags.
func settingsOf(environ []string, args ...string) (*serveFlags, *sources, error) {
	var c cli
	src := newSources(environ)
	parser, err := newParser(&c, src)
	if err == nil {
		_, err = parser.Parse(append([]string{"serve"}, args...))
	}
	if err != nil {
		return nil, nil, usageError{err}
	}
	c.Serve.complete(src.origins)
	return &c.Serve.serveFlags, src, nil
}

// report prints what was found.
func (c *doctorCmd) report(r doctor.Report, out io.Writer) error {
	var err error
	if c.JSON {
		err = r.WriteJSON(out)
	} else {
		err = r.Write(out, doctor.WriteOptions{Quiet: c.Quiet, Color: isTerminal(out)})
	}
	if err == nil && r.ExitCode() != 0 {
		err = fmt.Errorf("this machine is not fit for %d connections", r.Connections)
	}
	return err
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
