{{- /*
Whoever may write the status of a run may say anything of it anyway: the operator (wherever it runs) and cluster
administrators, who restore backups. Asking the authorizer names no account, so nothing here goes stale. A script's own
account is held to the rules whatever roles it was given.

For the right side of an && only: asking may cost a call to another server, and must not happen for every ConfigMap.
*/}}
{{- define "scriptrun.admission.notTheOperator" -}}
(request.userInfo.username.endsWith(':scriptrun-runner') || !authorizer.group('scriptrun.dev').resource('scriptruns')
.subresource('status').namespace(request.namespace).check('patch').allowed())
{{- end }}

{{/* Binding of the policy whose ending is given. With a list of namespaces it speaks of no other. */}}
{{- define "scriptrun.admission.binding" -}}
{{- $root := index . 0 }}
{{- $name := printf "%s-%s" (include "scriptrun.fullname" $root) (index . 1) }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  {{- include "scriptrun.admission.metadata" $root | nindent 2 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  {{- with $root.Values.watchNamespaces }}
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ toJson . }}
  {{- end }}
{{- end }}

{{- define "scriptrun.admission.metadata" -}}
labels:
  {{- include "scriptrun.labels" . | nindent 2 }}
  app.kubernetes.io/component: admission
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
