package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker.
var version = "devel"

type versionCmd struct{}

// Run prints the version and what it was built with.
func (versionCmd) Run(std *surroundings) error {
	_, err := fmt.Fprintf(std.out, "starling %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionText is the version of this binary: the linker's, or that of the module it was installed from.
func versionText() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}
