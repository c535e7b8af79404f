{{- /* Volumes of the API's pod: a place for SQLite's temporary files, and what is mounted from Secrets. */}}
{{- define "scriptrun.api.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if include "scriptrun.history.inFile" . }}
- name: history
  {{- if .Values.history.persistence.create }}
  persistentVolumeClaim:
    claimName: {{ include "scriptrun.history.claim" . }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- with .Values.api.tokensSecret }}
- name: tokens
  secret:
    secretName: {{ . }}
    optional: true
{{- end }}
{{- with .Values.api.tlsSecret }}
- name: tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- if .Values.history.create }}
{{- with .Values.history.caSecret }}
- name: database
  secret:
    secretName: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scriptrun.api.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "scriptrun.history.inFile" . }}
- name: history
  mountPath: /var/lib/scriptrun
{{- end }}
{{- if .Values.api.tokensSecret }}
- name: tokens
  mountPath: /etc/scriptrun/tokens
  readOnly: true
{{- end }}
{{- if .Values.api.tlsSecret }}
- name: tls
  mountPath: /etc/scriptrun/tls
  readOnly: true
{{- end }}
{{- if and .Values.history.create .Values.history.caSecret }}
- name: database
  mountPath: /etc/scriptrun/database
  readOnly: true
{{- end }}
{{- end }}
