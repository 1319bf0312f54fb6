// Command dra-driver offers made-up GPUs of one node through dynamic resource allocation: it publishes them in a
// ResourceSlice as NVIDIA's driver does, and prepares claims for the kubelet, so that scheduler and kubelet choose,
// place and refuse claimed devices as they do with real ones.
//
// Preparing a claim changes nothing on the node: containers see no device. It never touches a real one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/dynamic-resource-allocation/resourceslice"
)

// The driver of NVIDIA whose place this one takes, so that manifests for it work unchanged.
const driverName = "gpu.nvidia.com"

type driver struct{}

// PrepareResourceClaims says yes to every claim: the scheduler has allocated its devices, and each device goes to
// one claim at most.
func (driver) PrepareResourceClaims(_ context.Context, claims []*resourceapi.ResourceClaim) (map[types.UID]kubeletplugin.PrepareResult, error) {
	results := map[types.UID]kubeletplugin.PrepareResult{}
	for _, claim := range claims {
		var result kubeletplugin.PrepareResult
		for _, allocated := range claim.Status.Allocation.Devices.Results {
			if allocated.Driver != driverName {
				continue
			}
			log.Printf("%s/%s gets %s", claim.Namespace, claim.Name, allocated.Device)
			result.Devices = append(result.Devices, kubeletplugin.Device{
				Requests:   []string{allocated.Request},
				PoolName:   allocated.Pool,
				DeviceName: allocated.Device,
			})
		}
		results[claim.UID] = result
	}
	return results, nil
}

func (driver) UnprepareResourceClaims(_ context.Context, claims []kubeletplugin.NamespacedObject) (map[types.UID]error, error) {
	results := map[types.UID]error{}
	for _, claim := range claims {
		results[claim.UID] = nil
	}
	return results, nil
}

func (driver) HandleError(_ context.Context, err error, message string) {
	log.Printf("%s: %v", message, err)
	if !errors.Is(err, kubeletplugin.ErrRecoverable) {
		os.Exit(1)
	}
}

// devices makes one device for each amount of memory, such as 80Gi, named and described as NVIDIA's driver does.
func devices(memories []string, uuidPrefix string) ([]resourceapi.Device, error) {
	var made []resourceapi.Device
	for index, text := range memories {
		memory, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, fmt.Errorf("memory %q: %w", text, err)
		}
		attribute := func(value string) resourceapi.DeviceAttribute {
			return resourceapi.DeviceAttribute{StringValue: &value}
		}
		made = append(made, resourceapi.Device{
			Name: fmt.Sprintf("gpu-%d", index),
			Attributes: map[resourceapi.QualifiedName]resourceapi.DeviceAttribute{
				"type":        attribute("gpu"),
				"uuid":        attribute(fmt.Sprintf("%s-%d", uuidPrefix, index)),
				"productName": attribute("Stand-in GPU " + text),
			},
			Capacity: map[resourceapi.QualifiedName]resourceapi.DeviceCapacity{"memory": {Value: memory}},
		})
	}
	return made, nil
}

func run(ctx context.Context) error {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server, as the node")
	node := flag.String("node", "", "name of the node")
	memories := flag.String("memories", "", "memory of each device, such as 80Gi,24Gi")
	prefix := flag.String("prefix", "GPU", "start of each device's UUID")
	folder := flag.String("folder", "/var/lib/kubelet", "the kubelet's folder")
	flag.Parse()

	offered, err := devices(strings.Split(*memories, ","), *prefix)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	data := filepath.Join(*folder, "plugins", driverName)
	registry := filepath.Join(*folder, "plugins_registry")
	for _, needed := range []string{data, registry} {
		if err := os.MkdirAll(needed, 0o750); err != nil {
			return err
		}
	}
	helper, err := kubeletplugin.Start(ctx, driver{},
		kubeletplugin.DriverName(driverName),
		kubeletplugin.NodeName(*node),
		kubeletplugin.KubeClient(client),
		kubeletplugin.PluginDataDirectoryPath(data),
		kubeletplugin.RegistrarDirectoryPath(registry),
	)
	if err != nil {
		return err
	}
	defer helper.Stop()
	pool := resourceslice.Pool{Slices: []resourceslice.Slice{{Devices: offered}}}
	resources := resourceslice.DriverResources{Pools: map[string]resourceslice.Pool{*node: pool}}
	if err := helper.PublishResources(ctx, resources); err != nil {
		return err
	}
	log.Printf("offers %d devices", len(offered))
	<-ctx.Done()
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}
