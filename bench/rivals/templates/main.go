// A controller that restarts Deployments by editing their template when a ConfigMap or Secret has changed, as one
// writes it in a morning: informers for everything, a queue, a patch. A rival in `nox -s bench -- configwatcher`.
//
// It is event-driven: what changes while it is down is never noticed.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os/signal"
	"slices"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

const uses = "bench/config" // on a Deployment: the ConfigMap that it uses

// What changed: of which kind, where, and the hash of what it is now.
type change struct{ kind, namespace, name, hash string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		log.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config) // with the limit that a client has by default
	factory := informers.NewSharedInformerFactory(client, 0)
	deployments := factory.Apps().V1().Deployments()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[change]())
	watch(factory.Core().V1().ConfigMaps().Informer(), "configmap", queue)
	watch(factory.Core().V1().Secrets().Informer(), "secret", queue)
	deployments.Informer()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	context.AfterFunc(ctx, queue.ShutDown)
	for {
		next, down := queue.Get()
		if down {
			return
		}
		if err := restart(ctx, client, deployments.Lister().Deployments(next.namespace), next); err != nil {
			log.Print(err)
			queue.AddRateLimited(next)
		} else {
			queue.Forget(next)
		}
		queue.Done(next)
	}
}

func watch(informer cache.SharedIndexInformer, kind string, queue workqueue.TypedInterface[change]) {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(before, after any) {
		if now := hash(after); now != hash(before) {
			object := after.(metav1.Object)
			queue.Add(change{kind, object.GetNamespace(), object.GetName(), now})
		}
	}})
	if err != nil {
		log.Fatal(err)
	}
}

type lister interface {
	List(labels.Selector) ([]*appsv1.Deployment, error)
}

func restart(ctx context.Context, client kubernetes.Interface, there lister, what change) error {
	all, err := there.List(labels.Everything())
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{"bench/" + what.kind: what.hash, "bench/at": time.Now().Format(time.RFC3339Nano)},
	}}}})
	if err != nil {
		return err
	}
	for _, each := range all {
		if each.Annotations[uses] != what.name {
			continue
		}
		_, err := client.AppsV1().Deployments(what.namespace).Patch(
			ctx, each.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "templates"})
		if err != nil {
			return fmt.Errorf("%s: %w", each.Name, err)
		}
	}
	return nil
}

func hash(object any) string {
	sum := sha256.New()
	add := func(key string, value []byte) { fmt.Fprintf(sum, "%d %s %d %s", len(key), key, len(value), value) }
	switch source := object.(type) {
	case *corev1.ConfigMap:
		for _, key := range slices.Sorted(maps.Keys(source.Data)) {
			add(key, []byte(source.Data[key]))
		}
		for _, key := range slices.Sorted(maps.Keys(source.BinaryData)) {
			add(key, source.BinaryData[key])
		}
	case *corev1.Secret:
		for _, key := range slices.Sorted(maps.Keys(source.Data)) {
			add(key, source.Data[key])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}
