{{- define "freehold.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "freehold.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "freehold.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "freehold.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "freehold.selector" -}}
app.kubernetes.io/name: {{ include "freehold.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: endpoint
{{- end -}}

{{- define "freehold.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "freehold.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "freehold.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "freehold.toml" -}}
# Written by the chart, its values `config` and `serverConfig`.
data = "/var/lib/freehold"

[server]
host = "0.0.0.0"
port = 8484
shutdown_timeout = "{{ .Values.shutdown.callSeconds }}s"
{{- with .Values.serverConfig }}
{{ . | trim }}
{{- end }}

[local]
enabled = {{ .Values.localModels }}
{{- if .Values.database.secret }}

[database]
url = "env:FREEHOLD_DATABASE"
{{- end }}
{{- if .Values.pepper.secret }}

[access]
pepper = "env:FREEHOLD_PEPPER"
{{- end }}
{{- if .Values.shared.secret }}

[shared]
url = "env:FREEHOLD_SHARED"
replicas = {{ ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled }}
{{- end }}
{{- if .Values.admin.enabled }}

[admin]
listen = "0.0.0.0:{{ .Values.admin.port }}"
{{- end }}

{{ .Values.config | trim }}
{{ end -}}
