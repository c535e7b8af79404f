{{- /* Environment of the scheduler, which is a part of the API's process. Lists become commas. */}}
{{- define "scriptrun.scheduler.env" -}}
{{- if .Values.scheduler.create }}
- name: SCRIPTRUN_SCHEDULER_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ required "scheduler.tokenSecret: name the Secret with the shared secret" .Values.scheduler.tokenSecret }}
      key: {{ .Values.scheduler.tokenSecretKey }}
- name: SCRIPTRUN_SCHEDULER_NAMESPACE
  value: {{ include "scriptrun.scheduler.namespace" . | quote }}
- name: SCRIPTRUN_SCHEDULER_SCRIPT
  value: {{ .Values.scheduler.script | quote }}
{{- range $key, $value := .Values.scheduler.settings }}
- name: SCRIPTRUN_SCHEDULER_{{ $key | snakecase | upper }}
  {{- if kindIs "slice" $value }}
  value: {{ join "," $value | quote }}
  {{- else }}
  value: {{ include "scriptrun.scalar" $value | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Where its scripts run. */}}
{{- define "scriptrun.scheduler.namespace" -}}
{{- $namespace := required "scheduler.namespace: name the namespace that scripts run in" .Values.scheduler.namespace }}
{{- if and .Values.watchNamespaces (not (has $namespace .Values.watchNamespaces)) }}
{{- fail (printf "scheduler.namespace: %s is not in watchNamespaces, so nothing would run in it" $namespace) }}
{{- end }}
{{- $namespace }}
{{- end }}

{{- /* What the API may do besides in that namespace: exactly what kube/access.py declares, which a test holds. */}}
{{- define "scriptrun.scheduler.rules" -}}
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [create]
{{- end }}
