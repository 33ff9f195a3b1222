//go:build !linux

package main

import (
	"errors"
	"runtime"
)

// errSystem is every command's answer where there is no epoll.
var errSystem = errors.New("bench runs on Linux only: its client is epoll, its accounts of the server are /proc; this is " + runtime.GOOS)

func (*connectCmd) Run(*session) error   { return errSystem }
func (*idleCmd) Run(*session) error      { return errSystem }
func (*broadcastCmd) Run(*session) error { return errSystem }
func (*roomsCmd) Run(*session) error     { return errSystem }
func (*echoCmd) Run(*session) error      { return errSystem }
func (*stormCmd) Run(*session) error     { return errSystem }
func (*limitCmd) Run(*session) error     { return errSystem }
func (*workerCmd) Run(*session) error    { return errSystem }
