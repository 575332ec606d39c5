# Registers the health responder on Windows, as a task that begins with the machine. Run as an administrator in the image:
#   powershell -ExecutionPolicy Bypass -File register.ps1 -Node 'C:\Program Files\nodejs\node.exe'
param(
    [string] $Node = 'C:\Program Files\nodejs\node.exe',
    [string] $Folder = 'C:\pixel-health'
)
$ErrorActionPreference = 'Stop'
$data = Join-Path $env:ProgramData 'pixel-health'
foreach ($file in @($Node, "$Folder\responder.mjs", "$Folder\settings.json")) {
    if (-not (Test-Path $file)) { throw "$file is not there. Put it there, or name another place: -Node, -Folder." }
}
New-Item -ItemType Directory -Force -Path $data | Out-Null
icacls $data /grant '*S-1-5-19:(OI)(CI)M' | Out-Null # LOCAL SERVICE writes state and log there
if ($LASTEXITCODE) { throw "icacls cannot give LOCAL SERVICE the right to write to $data." }

$line = '/c ""{0}" "{1}\responder.mjs" "{1}\settings.json" >> "{2}\log.txt" 2>&1"' -f $Node, $Folder, $data
$action = New-ScheduledTaskAction -Execute 'cmd.exe' -Argument $line
$trigger = New-ScheduledTaskTrigger -AtStartup
# A program that ended is begun again within a minute; while it runs, the repetition is ignored.
$minutely = New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval (New-TimeSpan -Minutes 1)
$trigger.Repetition = $minutely.Repetition
$principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-19' -LogonType ServiceAccount
$settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
    -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskName 'pixel-health' -Force `
    -Action $action -Trigger $trigger -Principal $principal -Settings $settings | Out-Null
powercfg /hibernate off # else "fast startup" keeps the uptime over a stop, and two boots look like one

# Whoever made the image has not been a visitor: the machines begin with an empty memory.
Remove-Item -Force -ErrorAction SilentlyContinue (Join-Path $data 'state.json')
Write-Output "The responder begins with the next boot. At once: Start-ScheduledTask -TaskName pixel-health"
