{{- define "scriptrun.api.name" -}}
{{ include "scriptrun.fullname" . }}-api
{{- end }}

{{/* What never changes between releases, so that selectors can be made of it. */}}
{{- define "scriptrun.api.selector" -}}
app.kubernetes.io/name: {{ include "scriptrun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: api
{{- end }}

{{/* Labels and annotations of an object; the second argument is annotations of its own. */}}
{{- define "scriptrun.api.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "scriptrun.labels" $root | nindent 2 }}
  app.kubernetes.io/component: api
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "scriptrun.api.serviceAccount" -}}
{{- if .Values.api.serviceAccount.create }}
{{- default (include "scriptrun.api.name" .) .Values.api.serviceAccount.name }}
{{- else }}
{{- required "api.serviceAccount.name: name an existing ServiceAccount, or set api.serviceAccount.create=true" .Values.api.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* "true" where the history is a file on a volume of the API's own. */}}
{{- define "scriptrun.history.inFile" -}}
{{- if and .Values.history.create (not .Values.history.databaseSecret) }}true{{ end }}
{{- end }}

{{- define "scriptrun.history.claim" -}}
{{- default (printf "%s-history" (include "scriptrun.fullname" .)) .Values.history.persistence.existingClaim }}
{{- end }}

{{- /* Environment of the API: each key of api.settings as SCRIPTRUN_<ITS_NAME>, beside those that other values decide. */}}
{{- define "scriptrun.api.env" -}}
- name: SCRIPTRUN_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- range $key, $value := .Values.api.settings }}
- name: SCRIPTRUN_{{ $key | snakecase | upper }}
  value: {{ include "scriptrun.scalar" $value | quote }}
{{- end }}
- name: SCRIPTRUN_TOKENS_DIR
  value: {{ ternary "/etc/scriptrun/tokens" "" (not (empty .Values.api.tokensSecret)) | quote }}
- name: SCRIPTRUN_TLS_CERT_FILE
  value: {{ ternary "/etc/scriptrun/tls/tls.crt" "" (not (empty .Values.api.tlsSecret)) | quote }}
- name: SCRIPTRUN_TLS_KEY_FILE
  value: {{ ternary "/etc/scriptrun/tls/tls.key" "" (not (empty .Values.api.tlsSecret)) | quote }}
{{- if .Values.history.create }}
- name: SCRIPTRUN_HISTORY_URL
  {{- if .Values.history.databaseSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ .Values.history.databaseSecret }}
      key: {{ .Values.history.databaseSecretKey }}
  {{- else }}
  value: sqlite:////var/lib/scriptrun/history.db
  {{- end }}
- name: SCRIPTRUN_HISTORY_TLS_CA_FILE
  value: {{ ternary "/etc/scriptrun/database/ca.crt" "" (not (empty .Values.history.caSecret)) | quote }}
{{- range $key, $value := .Values.history.settings }}
- name: SCRIPTRUN_HISTORY_{{ $key | snakecase | upper }}
  value: {{ include "scriptrun.scalar" $value | quote }}
{{- end }}
{{- end }}
{{- with include "scriptrun.scheduler.env" . }}
{{ . }}
{{- end }}
{{- range .Values.api.extraEnv }}
{{- if hasPrefix "SCRIPTRUN_" .name }}
{{- fail (printf "api.extraEnv: %s is a setting of the API; give it under api.settings or history" .name) }}
{{- end }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}

{{- /* What the API may do in each namespace it serves: exactly what kube/access.py declares, which a test holds. */}}
{{- define "scriptrun.api.rules" -}}
- apiGroups: [scriptrun.dev]
  resources: [scripts]
  verbs: [get, list, watch]
- apiGroups: [scriptrun.dev]
  resources: [scriptruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- if .Values.history.create }}
# To say of a run that the history keeps it.
- apiGroups: [scriptrun.dev]
  resources: [scriptruns/status]
  verbs: [patch]
{{- end }}
{{- end }}

{{- define "scriptrun.api.subject" -}}
- kind: ServiceAccount
  name: {{ include "scriptrun.api.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
