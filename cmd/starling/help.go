package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// describe is the help of a flag. That of a setting, which is in a group, ends with all that its tags and its rule say: what
// it counts, what it takes, what it is by default, and its variable.
func describe(value *kong.Value) string {
	if value.Flag == nil || value.Flag.Group == nil {
		return value.Help
	}
	var parts []string
	if unit := value.Tag.Get("unit"); unit != "" {
		parts = append(parts, "unit: "+unit)
	}
	if r, ok := rules[value.Name]; ok {
		parts = append(parts, "must "+r.want)
	}
	parts = append(parts, "default: "+defaultOf(value), "env: "+variable(value.Name))
	return value.Help + " [" + strings.Join(parts, "; ") + "]"
}

// defaultOf is what a flag is when it is not given.
func defaultOf(value *kong.Value) string {
	switch {
	case value.Target.Kind() == reflect.Bool && value.Default == "true":
		return "on"
	case value.Target.Kind() == reflect.Bool:
		return "off"
	case value.HasDefault:
		return value.Default
	}
	return value.Tag.Get("empty")
}

// flagGroup are the settings under one title.
type flagGroup struct {
	title string
	flags []*kong.Flag
}

// groupsOf are the settings of a command in the groups of its help. --config, which is no setting, is left out.
func groupsOf(node *kong.Node) (groups []flagGroup) {
	for _, flag := range node.Flags {
		if flag.Name == configFlag {
			continue
		}
		at := slices.IndexFunc(groups, func(g flagGroup) bool { return g.title == flag.Group.Title })
		if at < 0 {
			at = len(groups)
			groups = append(groups, flagGroup{title: flag.Group.Title})
		}
		groups[at].flags = append(groups[at].flags, flag)
	}
	return groups
}
