// The Message operator as one would write it in Go with controller-runtime: the rival in `nox -s bench -- message`.
package main

import (
	"context"
	"flag"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const say = `printf '%s\n' "$TEXT"; trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done`

type MessageReconciler struct {
	client.Client
	scheme      *runtime.Scheme
	events      events.EventRecorder
	image       string
	followReady bool // say in Ready whether the Pod runs, which takes a second write of the status
}

func (r *MessageReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var message Message
	if err := r.Get(ctx, request.NamespacedName, &message); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !message.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	wanted := r.podFor(&message)
	if err := ctrl.SetControllerReference(&message, wanted, r.scheme); err != nil {
		return ctrl.Result{}, err
	}
	var pod corev1.Pod
	err := r.Get(ctx, client.ObjectKeyFromObject(wanted), &pod)
	switch {
	case apierrors.IsNotFound(err):
		if err := r.Create(ctx, wanted); err != nil {
			return ctrl.Result{}, err
		}
		r.events.Eventf(&message, wanted, corev1.EventTypeNormal, "Created", "Create", "Pod %s was created", wanted.Name)
		pod = *wanted
	case err != nil:
		return ctrl.Result{}, err
	case !metav1.IsControlledBy(&pod, &message):
		return ctrl.Result{}, r.report(ctx, &message, "", metav1.ConditionFalse, "NotOurs")
	case !pod.DeletionTimestamp.IsZero():
		return ctrl.Result{}, nil // its end is seen, and brings us back
	case pod.Spec.Containers[0].Env[0].Value != message.Spec.Text:
		return ctrl.Result{}, client.IgnoreNotFound(r.Delete(ctx, &pod, client.Preconditions{UID: &pod.UID}))
	}
	if r.followReady && !isReady(&pod) {
		return ctrl.Result{}, r.report(ctx, &message, pod.Name, metav1.ConditionFalse, "PodStarting")
	}
	return ctrl.Result{}, r.report(ctx, &message, pod.Name, metav1.ConditionTrue, "Printing")
}

func (r *MessageReconciler) report(ctx context.Context, message *Message, pod string, ready metav1.ConditionStatus, reason string) error {
	before := message.DeepCopyObject().(*Message)
	message.Status.Phase, message.Status.PodName = "Processed", pod
	if pod == "" {
		message.Status.Phase = "Pending"
	}
	message.Status.ObservedGeneration = message.Generation
	meta.SetStatusCondition(&message.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: ready, Reason: reason, ObservedGeneration: message.Generation,
	})
	if equality.Semantic.DeepEqual(before.Status, message.Status) {
		return nil
	}
	return client.IgnoreNotFound(r.Status().Patch(ctx, message, client.MergeFrom(before)))
}

func (r *MessageReconciler) podFor(message *Message) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: message.Namespace,
			Name:      "msg-" + message.Name,
			Labels:    map[string]string{"app.kubernetes.io/name": "message"},
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken:  ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				RunAsUser:      ptr.To[int64](65532),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:    "printer",
				Image:   r.image,
				Command: []string{"sh", "-c", say},
				Env:     []corev1.EnvVar{{Name: "TEXT", Value: message.Spec.Text}},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": resource.MustParse("1m"), "memory": resource.MustParse("4Mi")},
					Limits:   corev1.ResourceList{"memory": resource.MustParse("16Mi")},
				},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					ReadOnlyRootFilesystem:   ptr.To(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func main() {
	workers := flag.Int("workers", 1, "how many objects are reconciled at once")
	leaderElect := flag.Bool("leader-elect", false, "work only while holding the Lease")
	followReady := flag.Bool("follow-ready", false, "write the status again when the Pod is ready")
	flag.Parse()
	ctrl.SetLogger(zap.New())

	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, register} {
		exitOn(add(scheme))
	}
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 server.Options{BindAddress: "0"},
		LeaderElection:          *leaderElect,
		LeaderElectionID:        "message-operator",
		LeaderElectionNamespace: "default",
	})
	exitOn(err)
	reconciler := &MessageReconciler{
		Client: mgr.GetClient(), scheme: scheme, events: mgr.GetEventRecorder("message-operator"),
		image: os.Getenv("MESSAGE_IMAGE"), followReady: *followReady,
	}
	exitOn(ctrl.NewControllerManagedBy(mgr).For(&Message{}).Owns(&corev1.Pod{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: *workers}).Complete(reconciler))
	exitOn(mgr.Start(ctrl.SetupSignalHandler()))
}

func exitOn(err error) {
	if err != nil {
		ctrl.Log.Error(err, "stopping")
		os.Exit(1)
	}
}
