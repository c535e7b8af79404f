// One binary that holds a whole Kubernetes: its own file name (through a link) or the first argument
// names the component.
//
// The components are the upstream ones, imported from their own modules, so the tests run
// against the real API server, controllers and kubelet on machines without a container registry.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// Log formats and metrics that each upstream main.go registers for itself.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

const usage = "usage: %s etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|kubectl [flags]\n"

// newCommand returns the component's upstream command, or nil for a name nobody knows.
func newCommand(component string) *cobra.Command {
	switch component {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		// Not the signal context: cli.Run installs the handler, and a second one panics.
		return kubelet.NewKubeletCommand(context.Background())
	case "kube-proxy":
		return proxy.NewProxyCommand()
	case "kubectl":
		logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
		return kubectl.NewDefaultKubectlCommand()
	}
	return nil
}

func main() {
	component := filepath.Base(os.Args[0])
	if component != "kubectl" {
		if len(os.Args) < 2 {
			fmt.Fprintf(os.Stderr, usage, os.Args[0])
			os.Exit(2)
		}
		// Every component reads its own name and flags from os.Args.
		os.Args = os.Args[1:]
		component = os.Args[0]
	}
	if component == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	command := newCommand(component)
	if command == nil {
		fmt.Fprintf(os.Stderr, usage, "kube")
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}
