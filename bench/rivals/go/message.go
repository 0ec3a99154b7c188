// The Message resource as kubebuilder would have it; the copies are written by hand instead of generated.
package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

type MessageSpec struct {
	Text string `json:"text"`
}

type MessageStatus struct {
	Phase              string             `json:"phase,omitempty"`
	PodName            string             `json:"podName,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type Message struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              MessageSpec   `json:"spec"`
	Status            MessageStatus `json:"status"`
}

type MessageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []Message `json:"items"`
}

func (in *Message) DeepCopyInto(out *Message) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
}

func (in *Message) DeepCopyObject() runtime.Object {
	out := new(Message)
	in.DeepCopyInto(out)
	return out
}

func (in *MessageList) DeepCopyObject() runtime.Object {
	out := &MessageList{TypeMeta: in.TypeMeta, ListMeta: *in.ListMeta.DeepCopy()}
	out.Items = make([]Message, len(in.Items))
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func register(scheme *runtime.Scheme) error {
	version := schema.GroupVersion{Group: "myorg.dev", Version: "v1"}
	scheme.AddKnownTypes(version, &Message{}, &MessageList{})
	metav1.AddToGroupVersion(scheme, version)
	return nil
}
