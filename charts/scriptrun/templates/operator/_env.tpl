{{- /*
Environment of the operator: each key of operator.settings as SCRIPTRUN_<ITS_NAME>, beside those that other values decide.
It stands in the pod template itself, so a changed setting rolls the pods; there is no ConfigMap to fall behind.
*/}}
{{- define "scriptrun.operator.env" -}}
- name: SCRIPTRUN_AFFINITY
  value: {{ toJson .Values.runner.affinity | quote }}
{{- with .Values.dependencies }}
- name: SCRIPTRUN_DEPENDENCY_CACHE_CLAIM
  value: {{ .cacheClaim | quote }}
- name: SCRIPTRUN_DEPENDENCY_CA_BUNDLE
  value: {{ .caBundle | quote }}
- name: SCRIPTRUN_DEPENDENCY_CREDENTIALS_SECRET
  value: {{ .credentialsSecret | quote }}
- name: SCRIPTRUN_DEPENDENCY_INDEX_URL
  value: {{ .indexUrl | quote }}
- name: SCRIPTRUN_DEPENDENCY_RESOURCES
  value: {{ toJson .resources | quote }}
- name: SCRIPTRUN_DEPENDENCY_TIMEOUT_SECONDS
  value: {{ include "scriptrun.scalar" .timeoutSeconds | quote }}
{{- end }}
- name: SCRIPTRUN_IMAGE_PULL_POLICY
  value: {{ .Values.runner.image.pullPolicy | quote }}
- name: SCRIPTRUN_IMAGE_PULL_SECRETS
  value: {{ kindIs "slice" .Values.runner.imagePullSecrets | ternary .Values.runner.imagePullSecrets .Values.imagePullSecrets | toJson | quote }}
- name: SCRIPTRUN_KEEP_UNTIL_STORED
  value: {{ .Values.history.create | quote }}
- name: SCRIPTRUN_NODE_SELECTOR
  value: {{ toJson .Values.runner.nodeSelector | quote }}
- name: SCRIPTRUN_POD_ANNOTATIONS
  value: {{ toJson .Values.runner.podAnnotations | quote }}
- name: SCRIPTRUN_POD_LABELS
  value: {{ toJson .Values.runner.podLabels | quote }}
- name: SCRIPTRUN_PRIORITY_CLASS_NAME
  value: {{ .Values.runner.priorityClassName | quote }}
- name: SCRIPTRUN_RESOURCES
  value: {{ toJson .Values.runner.resources | quote }}
- name: SCRIPTRUN_RUN_AS_USER
  value: {{ with .Values.runAsUser }}{{ include "scriptrun.scalar" . | quote }}{{ else }}""{{ end }}
- name: SCRIPTRUN_RUNNER_IMAGE
  value: {{ include "scriptrun.image" (list .Values.runner.image .) | quote }}
- name: SCRIPTRUN_RUNTIME_CLASS_NAME
  value: {{ .Values.runner.runtimeClassName | quote }}
- name: SCRIPTRUN_STATE_DIR
  value: /var/lib/scriptrun
- name: SCRIPTRUN_TOLERATIONS
  value: {{ toJson .Values.runner.tolerations | quote }}
- name: SCRIPTRUN_TOPOLOGY_SPREAD_CONSTRAINTS
  value: {{ toJson .Values.runner.topologySpreadConstraints | quote }}
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
