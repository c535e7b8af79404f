{{- define "scriptrun.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of everything the chart names. 40 characters leave room for the endings. */}}
{{- define "scriptrun.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "scriptrun.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "scriptrun.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "scriptrun.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: scriptrun
app.kubernetes.io/name: {{ include "scriptrun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What never changes between releases, so that selectors can be made of it. */}}
{{- define "scriptrun.operator.selector" -}}
app.kubernetes.io/name: {{ include "scriptrun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "scriptrun.operator.name" -}}
{{ include "scriptrun.fullname" . }}-operator
{{- end }}

{{- define "scriptrun.operator.serviceAccount" -}}
{{- if .Values.operator.serviceAccount.create }}
{{- default (include "scriptrun.operator.name" .) .Values.operator.serviceAccount.name }}
{{- else }}
{{- required "operator.serviceAccount.name: name an existing ServiceAccount, or set operator.serviceAccount.create=true" .Values.operator.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* repository[:tag][@digest] of an image; the tag is the chart's appVersion unless one is given. */}}
{{- define "scriptrun.image" -}}
{{- $image := index . 0 -}}
{{- $image.repository }}:{{ default (index . 1).Chart.AppVersion $image.tag }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
Security context of the chart's own pods. Without runAsUser the cluster chooses: OpenShift gives each namespace user ids of its
own, and refuses pods that ask for others.
*/}}
{{- define "scriptrun.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ include "scriptrun.scalar" . }}
runAsGroup: {{ include "scriptrun.scalar" . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A number or text as an environment variable has it: Helm reads 1000000 as a float and would print 1e+06. */}}
{{- define "scriptrun.scalar" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "scriptrun.lease.namespace" -}}
{{- default .Release.Namespace .Values.operator.settings.leaseNamespace }}
{{- end }}
