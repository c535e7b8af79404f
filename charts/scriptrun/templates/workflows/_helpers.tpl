{{- define "scriptrun.workflows.name" -}}
{{ include "scriptrun.fullname" . }}-workflows
{{- end }}

{{/* What never changes between releases, so that selectors can be made of it. */}}
{{- define "scriptrun.workflows.selector" -}}
app.kubernetes.io/name: {{ include "scriptrun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: workflows
{{- end }}

{{/* Labels and annotations of an object; the second argument is annotations of its own. */}}
{{- define "scriptrun.workflows.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "scriptrun.labels" $root | nindent 2 }}
  app.kubernetes.io/component: workflows
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "scriptrun.workflows.serviceAccount" -}}
{{- if .Values.workflows.serviceAccount.create }}
{{- default (include "scriptrun.workflows.name" .) .Values.workflows.serviceAccount.name }}
{{- else }}
{{- required "workflows.serviceAccount.name: name an existing ServiceAccount, or set workflows.serviceAccount.create=true" .Values.workflows.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "scriptrun.workflows.lease.namespace" -}}
{{- default .Release.Namespace .Values.workflows.settings.leaseNamespace }}
{{- end }}

{{- /* Environment of workflows: each key of workflows.settings as SCRIPTRUN_<ITS_NAME>, beside those that other values decide. Lists become commas. */}}
{{- define "scriptrun.workflows.env" -}}
- name: SCRIPTRUN_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- range $key, $value := .Values.workflows.settings }}
- name: SCRIPTRUN_{{ $key | snakecase | upper }}
  {{- if kindIs "slice" $value }}
  value: {{ join "," $value | quote }}
  {{- else }}
  value: {{ include "scriptrun.scalar" $value | quote }}
  {{- end }}
{{- end }}
{{- range .Values.workflows.extraEnv }}
{{- if hasPrefix "SCRIPTRUN_" .name }}
{{- fail (printf "workflows.extraEnv: %s is a setting of workflows; give it under workflows.settings" .name) }}
{{- end }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}
