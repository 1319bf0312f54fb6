// Command device-plugin offers made-up devices to one kubelet through its device-plugin API (v1beta1), so
// that scheduler and kubelet count, place and refuse GPUs as they do with real ones. A container that is
// given devices sees their names in NVIDIA_VISIBLE_DEVICES and nothing else.
//
// A kubelet that restarts empties its device-plugin folder; the plugin notices that its socket is gone and
// registers again. It never touches a real device.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	folderCheckInterval = time.Second
	retryInterval       = 100 * time.Millisecond
	registerTimeout     = 5 * time.Second
)

type plugin struct {
	api.UnimplementedDevicePluginServer
	resource string
	devices  []*api.Device
	stopped  chan struct{}
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch tells the devices once: their number and health never change, and the stream staying open is
// what keeps them allocatable.
func (p *plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	if err := stream.Send(&api.ListAndWatchResponse{Devices: p.devices}); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
	case <-p.stopped:
	}
	return nil
}

func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		})
	}
	return response, nil
}

// serveUntilForgotten serves on a socket in folder, registers it, and returns nil once the kubelet has
// removed that socket.
func serveUntilForgotten(ctx context.Context, folder, resource string, devices []*api.Device) error {
	endpoint := strings.NewReplacer("/", "-", ".", "-").Replace(resource) + ".sock"
	socket := filepath.Join(folder, endpoint)
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	p := &plugin{resource: resource, devices: devices, stopped: make(chan struct{})}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, p)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	defer close(p.stopped)

	kubelet := filepath.Join(folder, filepath.Base(api.KubeletSocket))
	connection, err := grpc.NewClient("unix://"+kubelet, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	registerCtx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: endpoint, ResourceName: resource}
	if _, err := api.NewRegistrationClient(connection).Register(registerCtx, request); err != nil {
		return fmt.Errorf("register with %s: %w", kubelet, err)
	}
	log.Printf("registered %d devices %s", len(devices), resource)

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(folderCheckInterval):
			if _, err := os.Stat(socket); err != nil {
				log.Printf("socket is gone, the kubelet has restarted: %v", err)
				return nil
			}
		}
	}
}

func main() {
	folder := flag.String("folder", filepath.Dir(api.KubeletSocket), "the kubelet's device-plugin folder")
	resource := flag.String("resource", "nvidia.com/gpu", "name of the extended resource")
	count := flag.Int("count", 1, "number of devices")
	prefix := flag.String("prefix", "GPU", "start of each device's name")
	flag.Parse()

	devices := make([]*api.Device, *count)
	for index := range devices {
		devices[index] = &api.Device{ID: fmt.Sprintf("%s-%d", *prefix, index), Health: api.Healthy}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	told := ""
	for ctx.Err() == nil {
		if err := serveUntilForgotten(ctx, *folder, *resource, devices); err != nil && ctx.Err() == nil {
			if message := err.Error(); message != told {
				log.Printf("will try again: %v", err)
				told = message
			}
			time.Sleep(retryInterval)
		}
	}
}
