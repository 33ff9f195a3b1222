package main

import (
	"encoding/json"
	"fmt"

	"starling/bench/internal/expect"
	"starling/bench/internal/folder"
	"starling/bench/internal/verdict"
)

// Run carries out the command.
func (c *compareCmd) Run(s *session) error {
	limits, err := expect.ParseRelatives(c.FailIf...)
	if err != nil {
		return fmt.Errorf("%w: --fail-if: %w", errUsage, err)
	}
	before, err := folder.Read(c.Before)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	after, err := folder.Read(c.After)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	found := verdict.Compare(before.Results, after.Results, verdict.Options{Seed: 1})
	switch {
	case c.JSON:
		err = json.NewEncoder(s.std.out).Encode(found)
	case c.Markdown:
		err = found.WriteMarkdown(s.std.out)
	default:
		err = found.WriteText(s.std.out)
	}
	if err != nil {
		return err
	}
	broken, tolerated := found.FailIf(limits)
	for _, why := range tolerated {
		fmt.Fprintln(s.std.err, "bench: within the noise:", why)
	}
	for _, why := range broken {
		fmt.Fprintln(s.std.err, "bench: worse than allowed:", why)
	}
	if len(broken) > 0 {
		return errFault
	}
	return nil
}
