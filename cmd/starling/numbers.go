package main

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
)

// readNumber reads the whole number of a flag, and says what the flag takes if it is none.
func readNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx, "number")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s, not %s", wanted(ctx.Value.Name, "be a whole number"), text)
	}
	target.SetInt(n)
	return nil
}

// readTime reads the time of a flag, in the same way.
func readTime(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx, "time")
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%s, not %s: a time has a unit, as 500ms, 90s and 1h30m have", wanted(ctx.Value.Name, "be a time"), text)
	}
	target.SetInt(int64(d))
	return nil
}

// popText takes the text of a value, of which kind is the name.
func popText(ctx *kong.DecodeContext, kind string) (string, error) {
	token, err := ctx.Scan.PopValue(kind)
	return token.String(), err
}

// wanted is what a flag takes: its rule, or else what its type does.
func wanted(flag, otherwise string) string {
	if r, ok := rules[flag]; ok {
		return "must " + r.want
	}
	return "must " + otherwise
}
