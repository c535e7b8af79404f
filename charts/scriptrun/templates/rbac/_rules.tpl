{{- /*
What the operator may do in each namespace it works in: exactly what operator/scriptrun/kube/access.py declares, which a
test holds. No get or list of Secrets, no creation or change of pods, no update of anybody's spec. Which pods it may delete is
narrowed by the admission policy <fullname>-pods.
*/}}
{{- define "scriptrun.operator.rules" -}}
- apiGroups: [scriptrun.dev]
  resources: [scripts]
  verbs: [list, watch]
- apiGroups: [scriptrun.dev]
  resources: [scriptruns]
  verbs: [list, watch, delete]
- apiGroups: [scriptrun.dev]
  resources: [scripts/status, scriptruns/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
# Where a run appears, the account of its pod and that account's binding are made on demand ...
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [create]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [create]
# ... to this one role and to none that could do more than the operator itself.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [scriptrun-runner]
  verbs: [bind]
{{- end }}

{{- define "scriptrun.operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "scriptrun.operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
