{{- define "scriptrun.bridge.name" -}}
{{ include "scriptrun.fullname" . }}-bridge
{{- end }}

{{/* What never changes between releases, so that selectors can be made of it. */}}
{{- define "scriptrun.bridge.selector" -}}
app.kubernetes.io/name: {{ include "scriptrun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: bridge
{{- end }}

{{/* Labels and annotations of an object; the second argument is annotations of its own. */}}
{{- define "scriptrun.bridge.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "scriptrun.labels" $root | nindent 2 }}
  app.kubernetes.io/component: bridge
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "scriptrun.bridge.serviceAccount" -}}
{{- if .Values.bridge.serviceAccount.create }}
{{- default (include "scriptrun.bridge.name" .) .Values.bridge.serviceAccount.name }}
{{- else }}
{{- required "bridge.serviceAccount.name: name an existing ServiceAccount, or set bridge.serviceAccount.create=true" .Values.bridge.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "scriptrun.bridge.lease.namespace" -}}
{{- default .Release.Namespace .Values.bridge.settings.leaseNamespace }}
{{- end }}

{{- /* Environment of the bridge: each key of bridge.settings as SCRIPTRUN_<ITS_NAME>, beside those that other values decide. Lists become commas. */}}
{{- define "scriptrun.bridge.env" -}}
- name: SCRIPTRUN_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- range $key, $value := .Values.bridge.settings }}
- name: SCRIPTRUN_{{ $key | snakecase | upper }}
  {{- if kindIs "slice" $value }}
  value: {{ join "," $value | quote }}
  {{- else }}
  value: {{ include "scriptrun.scalar" $value | quote }}
  {{- end }}
{{- end }}
{{- range .Values.bridge.extraEnv }}
{{- if hasPrefix "SCRIPTRUN_" .name }}
{{- fail (printf "bridge.extraEnv: %s is a setting of the bridge; give it under bridge.settings" .name) }}
{{- end }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}
