{{- /*
Environment of the operator: each key of operator.settings as SCRIPTRUN_<ITS_NAME>, beside those that other values decide.
It stands in the pod template itself, so a changed setting rolls the pods; there is no ConfigMap to fall behind.
*/}}
{{- define "scriptrun.operator.env" -}}
- name: SCRIPTRUN_IMAGE_PULL_POLICY
  value: {{ .Values.runner.image.pullPolicy | quote }}
- name: SCRIPTRUN_KEEP_UNTIL_STORED
  value: {{ .Values.history.create | quote }}
- name: SCRIPTRUN_POD_ANNOTATIONS
  value: {{ toJson .Values.runner.podAnnotations | quote }}
- name: SCRIPTRUN_POD_LABELS
  value: {{ toJson .Values.runner.podLabels | quote }}
- name: SCRIPTRUN_RUNNER_IMAGE
  value: {{ include "scriptrun.image" (list .Values.runner.image .) | quote }}
- name: SCRIPTRUN_STATE_DIR
  value: /var/lib/scriptrun
- name: SCRIPTRUN_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- range $key, $value := .Values.operator.settings }}
- name: SCRIPTRUN_{{ $key | snakecase | upper }}
  value: {{ include "scriptrun.scalar" $value | quote }}
{{- end }}
{{- range .Values.operator.extraEnv }}
{{- if hasPrefix "SCRIPTRUN_" .name }}
{{- fail (printf "operator.extraEnv: %s is a setting of the operator; give it under operator.settings" .name) }}
{{- end }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}
