{{/*
Names, labels and images that more than one template must agree on.
*/}}

{{/* What the names of all objects start with. Short enough that "-operator" after it still makes a Service name. */}}
{{- define "petrel.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 54 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 54 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "petrel.operatorName" -}}
{{- include "petrel.name" . -}}-operator
{{- end -}}

{{- define "petrel.routerName" -}}
{{- include "petrel.name" . -}}-router
{{- end -}}

{{/* Labels of every object. */}}
{{- define "petrel.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: petrel
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Labels that select the operator's pods. A Deployment's selector cannot change, so neither can these. */}}
{{- define "petrel.operatorSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Labels of the operator's objects. */}}
{{- define "petrel.operatorLabels" -}}
{{ include "petrel.labels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* The Petrel image, by digest where one is given. */}}
{{- define "petrel.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}
