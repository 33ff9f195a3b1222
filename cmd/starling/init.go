package main

import (
	"fmt"
	"strings"

	"starling/deploy"
)

// initCmd prints a file for a deployment.
type initCmd struct {
	File string `arg:"" help:"Which one: ${files}."`
}

// Run prints the file as it is in the folder deploy of the source tree.
func (c *initCmd) Run(std *surroundings) error {
	body, ok := deploy.File(c.File)
	if !ok {
		return usageError{fmt.Errorf("there is no file for %q, but for %s", c.File, deployNames())}
	}
	_, err := std.out.Write(body)
	return err
}

// deployNames are the names of all files.
func deployNames() string { return strings.Join(deploy.Names(), ", ") }
